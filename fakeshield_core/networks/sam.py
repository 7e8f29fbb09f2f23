"""segment-anything's modules under a private alias, without its `__init__` (which needs torchvision)."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
import types

from fakeshield_core.errors import EngineUnavailable

ALIAS = "fakeshield_core._segment_anything"


def sam_module(name: str) -> types.ModuleType:
    """A submodule of segment-anything, such as `modeling.transformer`.

    Neither `segment_anything` nor `torchvision` enters `sys.modules`: an empty package whose path is the
    installed folder stands in for it.

    Raises:
        EngineUnavailable: segment-anything is not installed.
    """
    if ALIAS not in sys.modules:
        spec = importlib.util.find_spec("segment_anything")
        if spec is None or spec.submodule_search_locations is None:
            raise EngineUnavailable("segment-anything is not installed; run `make setup`.")
        package = types.ModuleType(ALIAS)
        package.__path__ = list(spec.submodule_search_locations)
        package.__spec__ = importlib.machinery.ModuleSpec(ALIAS, None, is_package=True)
        sys.modules[ALIAS] = package
    return importlib.import_module(f"{ALIAS}.{name}")
