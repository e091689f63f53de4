"""``make demo``: the real sidecar and Caddy, in front of simulated upstreams that tell of a bad night."""
