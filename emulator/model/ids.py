"""Ids of things on the platform."""

from uuid import NAMESPACE_DNS, uuid4, uuid5


def new_id() -> str:
    """A fresh UUID."""
    return str(uuid4())


def fixed_id(name: str) -> str:
    """A UUID that is the same on each start."""
    return str(uuid5(NAMESPACE_DNS, name))
