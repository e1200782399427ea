"""The operator's use cases: read the ledger, gather facts, perform what the core decided."""
