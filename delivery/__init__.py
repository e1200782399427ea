"""Packs a fitted pipeline into a bundle: tested, proved, described, signed, waiting in
releases/.
"""
