"""The only way to call an upstream: the list of allowed calls, the connection, and the limits on answers."""
