"""Copies of answered requests for versions that get no users' traffic."""
