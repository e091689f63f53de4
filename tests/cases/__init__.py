"""Cases from the field: what upstreams answered, step by step, and what must be concluded from it."""
