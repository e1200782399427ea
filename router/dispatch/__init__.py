"""Routing: the routing table, the dispatcher, each version's queue, and upstream connections."""
