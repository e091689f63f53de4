"""Reports: what the upstreams said, and what follows from one report alone."""
