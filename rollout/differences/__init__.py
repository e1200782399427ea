"""How two versions' answers to the same rows differ, and for which rows. Pure."""
