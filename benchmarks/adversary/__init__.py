"""Rollouts under hostile traffic, in virtual time: the router's and the controller's own code, with
only the network, the clock and the database replaced.
"""
