"""The same loans, another strength: predicts slightly differently."""

from tests.e2e.recipes import v1


def build():
    """See v1."""
    return v1.build(strength=0.01)
