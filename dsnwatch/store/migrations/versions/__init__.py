"""One step a file, named after its place in `schema.REVISIONS`."""
