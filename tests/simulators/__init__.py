"""Simulated upstreams: one homelab that answers as PBS, PVE, Databasement and Backrest, over real HTTPS.

An independent model of what the upstreams answer: nothing here comes from the product.
"""

from tests.simulators.faults import demo_faults
from tests.simulators.homelab import HOMELAB, PBS_ONLY, PVE_ONLY, demo_homelab
from tests.simulators.rack import Rack

__all__ = ["HOMELAB", "PBS_ONLY", "PVE_ONLY", "Rack", "demo_faults", "demo_homelab"]
