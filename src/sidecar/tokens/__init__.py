"""Programs that may ask without the sidecar's key, each with a token of its own."""
