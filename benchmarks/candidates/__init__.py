"""Candidates for `python -m benchmarks.conduct`: v1 of the flights again, and v1 with one thing
wrong.
"""
