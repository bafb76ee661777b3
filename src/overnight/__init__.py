"""Overnight: the loop that improves your work while you sleep."""

__version__ = "0.1.0"
