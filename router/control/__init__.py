"""Follows the ledger and controls its rollout."""
