"""The runtimes that a version is served by."""
