"""Reads command lines: a verb is a plain function, and only the one that was typed is examined."""
