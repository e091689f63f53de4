"""What real upstreams answered, replayed over HTTPS, and what must be concluded from it."""
