"""Fails on a city that it never saw."""

from tests.e2e.recipes import v1


def build():
    """See v1."""
    return v1.build(unknown="error")
