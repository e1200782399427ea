"""The Platform API, with one file for each resource."""
