"""The kinds of columns: how a value of each travels in JSON, and as what array it is held."""
