"""Where versions run: one folder a target."""
