"""Reads rows from files and fits them to a bundle's columns."""
