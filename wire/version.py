"""Sluice's own version: that of pyproject.toml, which is not installed where Sluice runs."""

VERSION = "0.1.0"
