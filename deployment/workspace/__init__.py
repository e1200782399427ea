"""The surroundings of a command: folders, locks, secrets, ledger, bundles, errors."""
