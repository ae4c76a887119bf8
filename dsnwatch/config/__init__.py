"""What can be configured: a file a section, put together in `settings`, read by `loading`."""
