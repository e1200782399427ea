"""The generator of load, in a process of its own."""
