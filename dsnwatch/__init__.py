"""Reads bounces, keeps the suppression list that follows from them, and tells other systems."""

__version__ = "0.1.0"
