"""Packs a fitted pipeline into a signed bundle in releases/, after it was tested and proved."""
