"""``python -m sidecar`` is the command backup-glance."""

import sys

from .cli import main

sys.exit(main())
