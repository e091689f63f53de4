"""The one way out: what may be asked of an upstream, over which connection, and how much of an answer is read."""
