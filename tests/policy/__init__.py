"""Deciding: the table, the guards, the list."""
