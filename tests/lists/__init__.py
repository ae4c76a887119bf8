"""Lists in files: formats, and what is checked of people on them."""
