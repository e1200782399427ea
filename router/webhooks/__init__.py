"""Sends each new revision of the ledger to the receivers of webhooks."""
