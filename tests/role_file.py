"""Python files of the role, which are no modules of the product: Ansible loads or runs them by their paths."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROLE = Path(__file__).parent.parent / "roles" / "backup_glance"


def loaded(path: str) -> ModuleType:
    """The file as a module; ``path`` within the role."""
    spec = importlib.util.spec_from_file_location(f"role_{Path(path).stem}", ROLE / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look up their module.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
