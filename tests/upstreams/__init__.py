"""Simulated upstreams: one homelab that answers as PBS, PVE, Databasement and Backrest, over real HTTPS.

An independent opinion of what the upstreams say: nothing here comes from the product.
"""

from .faults import demo_faults
from .homelab import HOMELAB, demo_homelab
from .rack import Rack

__all__ = ["HOMELAB", "Rack", "demo_faults", "demo_homelab"]
