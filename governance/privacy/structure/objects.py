"""Everything that can be reached inside a model, without running code that came with it.

Attributes are read from `__dict__` and `__slots__` as they stand; no property is asked for and no
method of an unknown class is called. Only where records are given are they passed through the steps
of scikit-learn's pipelines, as a prediction would, to know what each part receives. The symbols of a
pickle are followed in the same way.
"""

from __future__ import annotations

import functools
import types
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from governance.privacy.structure.pickles import Symbol, as_array
from governance.privacy.structure.rows import View

MOST_OBJECTS = 200_000
DEEPEST = 60
LONG = 64
"""A list of plain values longer than this is one value."""

LONG_TEXT = 100_000
"""Bytes or characters from which on a single value could be a table."""

_PLAIN = (str, bytes, bytearray, int, float, complex, bool, type(None), np.generic, np.dtype)
_CODE = (type, types.ModuleType, types.BuiltinFunctionType, types.CodeType, np.ufunc, np.random.Generator)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One object inside a model."""

    where: str
    """Attributes on the way to it; a container's entries are `[]`."""
    holder: Any
    """The object that has it as `attribute`."""
    attribute: str
    value: Any
    view: View | None
    """The records as the holder receives them, if records were given."""


@dataclass(slots=True, eq=False)
class Walk:
    """The parts of a model, each once; `complete` tells afterwards whether that were all."""

    root: Any
    view: View | None
    complete: bool = True
    objects: int = 0

    def __iter__(self) -> Iterator[Part]:
        queue = deque([(Part("", None, "", self.root, self.view), 0)])
        # Objects are kept alive, so that no two of them have the same identity.
        seen: dict[int, Any] = {}
        while queue:
            part, depth = queue.popleft()
            value = _resolved(part.value)
            if (
                (isinstance(value, _PLAIN) and not _is_long(value))
                or isinstance(value, _CODE)
                or id(value) in seen
            ):
                continue
            seen[id(value)] = value
            self.objects += 1
            if self.objects > MOST_OBJECTS or depth > DEEPEST:
                self.complete = False
                return
            part = Part(part.where, part.holder, part.attribute, value, part.view)
            yield part
            queue.extend((inner, depth + 1) for inner in _inner(part))


def _is_long(value: Any) -> bool:
    return isinstance(value, (str, bytes, bytearray)) and len(value) > LONG_TEXT


def class_names(thing: Any) -> tuple[str, ...]:
    """The names of a thing's class and of what it inherits; of a symbol only its own."""
    if isinstance(thing, Symbol):
        return (thing.name.rpartition(".")[2],)
    return tuple(one.__name__ for one in type(thing).__mro__)


def attributes(thing: Any) -> dict[str, Any]:
    """What a thing has, as far as it stands in memory."""
    if isinstance(thing, Symbol):
        return _state(thing.state)
    found: dict[str, Any] = {}
    for one in type(thing).__mro__:
        for name, slot in vars(one).items():
            if isinstance(slot, types.MemberDescriptorType):
                try:
                    found[name] = slot.__get__(thing)
                except AttributeError:
                    continue
    try:
        own = object.__getattribute__(thing, "__dict__")
    except AttributeError:
        own = {}
    if isinstance(own, dict):
        found.update((name, value) for name, value in own.items() if isinstance(name, str))
    if not found and type(thing).__module__.startswith("sklearn."):
        # Trees are compiled; only their own pickling state shows what is in them.
        return _state(getattr(thing, "__getstate__", dict)())
    return found


def _state(state: Any) -> dict[str, Any]:
    if isinstance(state, dict):
        return {name: value for name, value in state.items() if isinstance(name, str)}
    if isinstance(state, tuple) and len(state) == 2 and all(isinstance(s, (dict, type(None))) for s in state):
        return {**(state[0] or {}), **(state[1] or {})}
    return {} if state is None else {"state": state}


def _resolved(value: Any) -> Any:
    if isinstance(value, Symbol):
        array = as_array(value)
        return value if array is None else array
    made_in = type(value).__module__
    # An exported graph holds classes, and fake tensors, which have a shape and no numbers.
    if isinstance(value, type) or made_in.startswith("torch._subclasses"):
        return value
    if made_in.partition(".")[0] == "torch" and hasattr(value, "detach"):
        return np.asarray(value.detach().cpu().float().numpy())
    return value


def _inner(part: Part) -> Iterator[Part]:
    value, view = part.value, part.view
    if isinstance(value, _PLAIN):
        return
    if isinstance(value, np.ndarray):
        if value.dtype == object:
            yield from _entries(part, value.reshape(-1).tolist())
        return
    if type(value).__module__.partition(".")[0] in ("pandas", "scipy"):
        return
    if isinstance(value, dict):
        yield from _entries(part, value.values())
    elif isinstance(value, (list, tuple, set, frozenset, deque)):
        yield from _entries(part, value)
    elif isinstance(value, functools.partial):
        yield from _entries(part, (value.func, value.args, value.keywords))
    elif isinstance(value, types.MethodType):
        yield from _entries(part, (value.__self__,))
    elif isinstance(value, types.FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or () if _filled(cell)]
        yield from _entries(part, (*cells, value.__defaults__, value.__kwdefaults__))
    else:
        own = attributes(value)
        views = _views(value, own, view)
        for name, inner in own.items():
            yield from _attribute(part, name, inner, views)
        if isinstance(value, Symbol):
            yield from _entries(part, (*value.args, *value.items))


def _attribute(part: Part, name: str, inner: Any, views: dict[str, list[View | None]]) -> Iterator[Part]:
    where = f"{part.where}.{name}" if part.where else name
    if name not in views:
        yield Part(where, part.value, name, inner, part.view)
        return
    for step, view in zip(inner, views[name], strict=True):
        yield Part(f"{where}[]", part.value, name, step, view)


def _entries(part: Part, values: Iterable[Any]) -> Iterator[Part]:
    inner = list(values)
    if len(inner) > LONG and all(_flat(one) for one in inner):
        return
    where = part.where if part.where.endswith("[]") else f"{part.where}[]"
    for value in inner:
        if not isinstance(value, _PLAIN):
            yield Part(where, part.holder, part.attribute, value, part.view)


def _flat(one: Any) -> bool:
    return isinstance(one, _PLAIN) or (
        isinstance(one, (list, tuple)) and all(isinstance(entry, _PLAIN) for entry in one)
    )


def _filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018  # an empty cell says so only when it is read
    except ValueError:
        return False
    return True


def _views(value: Any, own: dict[str, Any], view: View | None) -> dict[str, list[View | None]]:
    """For each attribute whose entries receive other records than their holder: what each receives."""
    if (
        view is None
        or isinstance(value, Symbol)
        or not type(value).__module__.startswith(("sklearn.", "imblearn."))
    ):
        return {}
    names = class_names(value)
    if "Pipeline" in names:
        received: list[View | None] = []
        at: View | None = view
        for _, step in own.get("steps", ()):
            received.append(at)
            at = at.then(step.transform) if at is not None and hasattr(step, "transform") else at
        return {"steps": received}
    if "ColumnTransformer" in names and "transformers_" in own:
        return {"transformers_": [view.then(_selecting(columns)) for _, _, columns in own["transformers_"]]}
    if "estimators_features_" in own and len(own["estimators_features_"]) == len(own.get("estimators_", ())):
        return {"estimators_": [view.then(_selecting(columns)) for columns in own["estimators_features_"]]}
    return {}


def _selecting(columns: Any) -> Any:
    def select(X: Any) -> Any:
        if callable(columns):
            return None
        if hasattr(X, "iloc"):
            chosen = [columns] if isinstance(columns, str) else columns
            by_name = not isinstance(chosen, slice) and len(chosen) > 0 and isinstance(chosen[0], str)
            picked = X.loc[:, chosen] if by_name else X.iloc[:, chosen]
            return picked.iloc[:, 0] if isinstance(columns, str) else picked
        return X[:, columns]

    return select
