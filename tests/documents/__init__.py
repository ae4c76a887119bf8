"""The commands that documents show, run as they stand there."""
