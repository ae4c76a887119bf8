"""One file a standard: bytes and strings in, facts out; no clock, no input or output."""
