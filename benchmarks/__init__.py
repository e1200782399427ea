"""Measurements of real processes on this machine, as ratios against a baseline in the same run."""
