"""Rival judges of a candidate and the simulated traffic they see; benchmarks/verdict.py puts ours
beside them.
"""
