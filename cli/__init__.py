"""Reads command lines: verbs are plain functions, and only the one that is asked for is looked
at.
"""
