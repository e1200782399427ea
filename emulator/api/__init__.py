"""The Platform API, one file a resource."""
