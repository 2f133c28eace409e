"""Arms the fault points in every Python process that has this folder on its path and a plan to follow."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from fault_points import PLAN, arm, die_as_planned


class Promoting(MetaPathFinder):
    """Finds `governance.promoting` as always, and arms it once it is loaded."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "governance.promoting":
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return spec
        load: Any = spec.loader.exec_module

        def load_armed(module: ModuleType) -> None:
            load(module)
            arm(module, die_as_planned)

        spec.loader.exec_module = load_armed  # type: ignore[method-assign]  # the loader is this module's own
        return spec


if PLAN in os.environ:
    sys.meta_path.insert(0, Promoting())
