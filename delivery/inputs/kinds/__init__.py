"""The kinds of columns beyond numbers, booleans and texts: how a frame's column is told to be one,
what its signature says, and values that probe it.
"""
