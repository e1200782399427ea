"""Writes predictions so that a run can be interrupted at any moment."""
