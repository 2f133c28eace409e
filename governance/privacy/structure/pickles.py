"""What a pickle holds, read opcode by opcode: nothing is imported, called or built that it names.

A class becomes a `Symbol` with its arguments and its state; arrays of numbers are recovered from their
bytes. Joblib writes an array's bytes between the opcodes, and they are read there. The opcodes are
those of `pickletools`; the stack machine is described in CPython's Lib/pickletools.py.
"""

from __future__ import annotations

import pickletools
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np

from governance.errors import Undecided

MOST_OPCODES = 20_000_000

_MARK = object()
_PUTS = {"PUT", "BINPUT", "LONG_BINPUT"}
_GETS = {"GET", "BINGET", "LONG_BINGET"}
_EMPTY = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set}
_FIXED = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_IGNORED = {"PROTO", "FRAME", "READONLY_BUFFER"}


@dataclass(slots=True, eq=False)
class Symbol:
    """An object that unpickling would have made."""

    name: str
    """Module and class, or module and function, with a dot between."""
    args: tuple[Any, ...] = ()
    state: Any = None
    items: list[Any] = field(default_factory=list)


def read_pickle(stream: IO[bytes]) -> Any:
    """The outermost object, with a `Symbol` for everything that is not a plain container or value.

    Raises:
        Undecided: the stream is not one whole pickle.
    """
    machine = _Machine(stream)
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if opcode.name == "STOP":
                return machine.stack.pop()
            if count > MOST_OPCODES:
                break
            machine.step(opcode.name, argument)
    except (
        ValueError,
        IndexError,
        KeyError,
        TypeError,
        AttributeError,
        UnicodeError,
        OverflowError,
        EOFError,
    ) as error:
        raise Undecided(f"A pickle cannot be read: {type(error).__name__}") from None
    raise Undecided("A pickle has no end, or too many parts")


class _Machine:
    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in _IGNORED:
            return
        if name == "MARK":
            stack.append(_MARK)
        elif name in _FIXED:
            stack.append(_FIXED[name])
        elif name in _EMPTY:
            stack.append(_EMPTY[name]())
        elif name in _PUTS:
            self.memo[int(argument)] = stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif name in _GETS:
            stack.append(self.memo[int(argument)])
        elif name in _TUPLES:
            stack[-_TUPLES[name] :] = [tuple(stack[-_TUPLES[name] :])]
        elif handler := getattr(self, f"_{name.lower()}", None):
            handler(argument)
        else:
            # All that is left pushes a value that the opcode itself carries.
            stack.append(argument)

    def _marked(self) -> list[Any]:
        """What was pushed since the last mark, taken off with it."""
        for position in range(len(self.stack) - 1, -1, -1):
            if self.stack[position] is _MARK:
                taken = self.stack[position + 1 :]
                del self.stack[position:]
                return taken
        raise ValueError

    def _pop(self, _: Any) -> None:
        self.stack.pop()

    def _pop_mark(self, _: Any) -> None:
        self._marked()

    def _dup(self, _: Any) -> None:
        self.stack.append(self.stack[-1])

    def _list(self, _: Any) -> None:
        self.stack.append(self._marked())

    def _tuple(self, _: Any) -> None:
        self.stack.append(tuple(self._marked()))

    def _frozenset(self, _: Any) -> None:
        # A key of a mapping may be one, and a symbol need not be equal to anything.
        self.stack.append(tuple(self._marked()))

    def _dict(self, _: Any) -> None:
        taken = self._marked()
        self.stack.append({})
        self._set(taken)

    def _append(self, _: Any) -> None:
        self._extend([self.stack.pop()])

    def _appends(self, _: Any) -> None:
        self._extend(self._marked())

    def _additems(self, _: Any) -> None:
        self._extend(self._marked())

    def _extend(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, set):
            target.update(values)
        else:
            (target.items if isinstance(target, Symbol) else target).extend(values)

    def _setitem(self, _: Any) -> None:
        taken = self.stack[-2:]
        del self.stack[-2:]
        self._set(taken)

    def _setitems(self, _: Any) -> None:
        self._set(self._marked())

    def _set(self, taken: list[Any]) -> None:
        target = self.stack[-1]
        for key, value in zip(taken[::2], taken[1::2], strict=True):
            if isinstance(target, Symbol):
                target.items.append((key, value))
            else:
                target[key] = value

    def _global(self, argument: str) -> None:
        self.stack.append(Symbol(argument.replace(" ", ".", 1)))

    def _stack_global(self, _: Any) -> None:
        module, name = self.stack[-2:]
        self.stack[-2:] = [Symbol(f"{module}.{name}")]

    def _ext1(self, argument: int) -> None:
        self.stack.append(Symbol(f"extension.{argument}"))

    _ext2 = _ext4 = _ext1

    def _inst(self, argument: str) -> None:
        self.stack.append(Symbol(argument.replace(" ", ".", 1), tuple(self._marked())))

    def _obj(self, _: Any) -> None:
        made, *args = self._marked()
        self.stack.append(_called(made, tuple(args)))

    def _reduce(self, _: Any) -> None:
        made, args = self.stack[-2:]
        self.stack[-2:] = [_called(made, args)]

    _newobj = _reduce

    def _newobj_ex(self, _: Any) -> None:
        made, args, named = self.stack[-3:]
        self.stack[-3:] = [_called(made, (*args, named))]

    def _persid(self, argument: str) -> None:
        self.stack.append(Symbol("persistent", (argument,)))

    def _binpersid(self, _: Any) -> None:
        self.stack[-1] = Symbol("persistent", (self.stack[-1],))

    def _next_buffer(self, _: Any) -> None:
        self.stack.append(Symbol("buffer"))

    def _build(self, _: Any) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if not isinstance(target, Symbol):
            raise ValueError
        target.state = state
        if target.name.endswith(".NumpyArrayWrapper"):
            target.args = (self._inline(state),)

    def _inline(self, state: dict[str, Any]) -> Any:
        """The array whose bytes joblib wrote here (joblib 1.x, `NumpyArrayWrapper.read_array`)."""
        dtype, shape = as_dtype(state["dtype"]), tuple(state["shape"])
        if dtype is None:
            # Objects follow as a pickle of their own, and are not aligned.
            return read_pickle(self.stream)
        if state.get("numpy_array_alignment_bytes") is not None:
            self.stream.read(self.stream.read(1)[0])
        size = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
        return _shaped(self.stream.read(size), dtype, shape, state.get("order", "C"))


def _called(made: Any, args: Any) -> Any:
    """What calling it would give, as a symbol."""
    args = args if isinstance(args, tuple) else (args,)
    name = made.name if isinstance(made, Symbol) else str(made)
    if name in ("copyreg._reconstructor", "copyreg.__newobj__", "copy_reg._reconstructor") and args:
        return Symbol(args[0].name if isinstance(args[0], Symbol) else name, args[1:])
    return Symbol(name, args)


def as_array(symbol: Symbol) -> Any:
    """The array of numbers or text that a symbol stands for, or None."""
    if symbol.name.endswith(".NumpyArrayWrapper"):
        return symbol.args[0] if symbol.args else None
    if symbol.name.startswith("numpy") and symbol.name.endswith("._reconstruct"):
        if not isinstance(symbol.state, tuple) or len(symbol.state) != 5:
            return None
        _, shape, kind, fortran, data = symbol.state
        return _numbers(data, kind, shape, "F" if fortran else "C")
    if symbol.name.startswith("numpy") and symbol.name.endswith("._frombuffer") and len(symbol.args) == 4:
        data, kind, shape, order = symbol.args
        return _numbers(data, kind, shape, order)
    return None


def as_dtype(symbol: Any) -> np.dtype[Any] | None:
    """The type of an array's entries; None for objects, and for what is no dtype."""
    if not isinstance(symbol, Symbol) or not symbol.name.endswith(".dtype") or not symbol.args:
        return None
    code, state = symbol.args[0], symbol.state
    swapped = isinstance(state, tuple) and len(state) > 1 and state[1] == ">"
    if not isinstance(code, str) or code.startswith(("O", "|O", "M", "m")):
        return None
    if code.startswith("V") and isinstance(state, tuple) and len(state) > 5 and state[3]:
        fields = {name: (as_dtype(state[4][name][0]), state[4][name][1]) for name in state[3]}
        if any(kind is None for kind, _ in fields.values()):
            return None
        return np.dtype(
            {
                "names": list(fields),
                "formats": [kind for kind, _ in fields.values()],
                "offsets": [offset for _, offset in fields.values()],
                "itemsize": state[5],
            }
        )
    try:
        return np.dtype(code).newbyteorder(">" if swapped else "<")
    except TypeError:
        return None


def _numbers(data: Any, kind: Any, shape: Any, order: str) -> Any:
    dtype = as_dtype(kind)
    if dtype is None and isinstance(data, list):
        return data
    if isinstance(data, Symbol) and data.args:
        # Up to protocol 2 bytes are made by a call from text, and a bytearray always from bytes.
        data = data.args[0].encode("latin1") if isinstance(data.args[0], str) else data.args[0]
    if dtype is None or not isinstance(data, (bytes, bytearray)):
        return None
    return _shaped(data, dtype, tuple(shape), order)


def _shaped(data: bytes | bytearray, dtype: np.dtype[Any], shape: tuple[int, ...], order: str) -> Any:
    return np.frombuffer(data, dtype=dtype).reshape(shape, order="F" if order == "F" else "C")
