"""Tells receivers of every new revision of the ledger."""
