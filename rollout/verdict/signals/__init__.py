"""The signals of a verdict, one file each; registry.py lists them."""
