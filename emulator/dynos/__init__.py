"""Processes of apps: dynos, their memory, ports and logs."""
