"""May this address be mailed? Asked by mail servers, ours and real ones."""
