"""The boundaries between the steps of a promotion, and what a test wants to happen at one of them.

Nothing in the product knows of this: the arguments that the gate hands to `promoting.promote` are
wrapped, in the processes that a test started with this folder on their path.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

STEPS = (
    "after the bytes are hashed",
    "in the middle of the copy",
    "after the bytes are frozen",
    "after the lock is taken",
    "before the change",
    "after the change",
    "before the commit",
    "after the commit",
)

PLAN = "FAULT_PLAN"
"""Names the file that names the step at which to die; it is removed on the way."""


def arm(promoting: Any, at: Callable[[str], None]) -> Callable[[], None]:
    """Call `at` with each step that a promotion comes to; returns what undoes it."""
    from governance import freezing

    original, finish = promoting.promote, freezing._make_read_only

    class Artifacts:
        def __init__(self, real: Any) -> None:
            self._real = real

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

        def manifest(self, uri: str) -> Any:
            found = self._real.manifest(uri)
            at("after the bytes are hashed")
            return found

        def freeze(self, uri: str) -> Any:
            frozen = self._real.freeze(uri)
            at("after the bytes are frozen")
            return frozen

    def promote(*given: Any, artifacts: Any, writing: Any, carry_out: Any, **others: Any) -> Any:
        @contextmanager
        def watched() -> Iterator[Any]:
            with writing() as books:
                at("after the lock is taken")
                yield books
                at("before the commit")
            at("after the commit")

        def change(*uri: Any) -> None:
            at("before the change")
            carry_out(*uri)
            at("after the change")

        # One that begins anew is the same promotion.
        return original(*given, artifacts=Artifacts(artifacts), writing=watched, carry_out=change, **others)

    def half_copied(tree: Path) -> None:
        at("in the middle of the copy")
        finish(tree)

    def disarm() -> None:
        promoting.promote, freezing._make_read_only = original, finish

    promoting.promote, freezing._make_read_only = promote, half_copied
    return disarm


def die_as_planned(step: str) -> None:
    """Kill this process if that is the step that the plan names."""
    plan = Path(os.environ[PLAN])
    try:
        planned = plan.read_text(encoding="utf-8") == step
        if planned:
            plan.unlink()
    except FileNotFoundError:
        return
    if planned:
        os.kill(os.getpid(), signal.SIGKILL)
