"""What can be configured: one file a section, put together, read and checked in `settings`."""
