"""The operator's edge: reads the record, gathers facts, performs what the core decided. The local
target lives here.
"""
