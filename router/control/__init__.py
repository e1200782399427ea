"""Follows the ledger and conducts its rollout."""
