"""The proxy against simulated upstreams. ``python -m tests.proxy`` writes docs/proxy.md."""
