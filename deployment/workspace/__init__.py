"""What every command works with: folders, locks, secrets, ledger, bundles, errors."""
