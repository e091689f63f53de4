"""``make demo``: the real sidecar and Caddy, in front of simulated upstreams after a night with failures."""
