"""The core: decides from values and returns values. No I/O, no clock, no chance."""
