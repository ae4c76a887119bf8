"""The command line, driven as a person or a script would."""
