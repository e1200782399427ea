"""A version proves itself where it runs: by golden rows whose predictions are known."""
