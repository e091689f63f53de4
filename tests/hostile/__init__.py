"""The real sidecar process against upstreams that send as much as they can: its memory, its longest step, and how it ends."""
