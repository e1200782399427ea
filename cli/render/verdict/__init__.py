"""A stored verdict as people read it: four answers, and a table of the signals."""
