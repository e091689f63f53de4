"""The read-only way through to upstreams: what may be passed on of them, by a list of its own for each source."""
