"""Typed values out of YAML, each with its line; every mistake is gathered, none is guessed away.

`yaml.compose` gives the tree with its marks. The values are converted here, because YAML's own
conversion turns `on` into true, `010` into 8 and leaves `1e-5` as text without a word.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from governance.errors import Mistake

LIMIT = 1_000_000
"""Bytes; a longer file is refused unread."""
DEPTH = 20
"""Levels of nesting; a deeper file is refused."""

_TAG = "tag:yaml.org,2002:"
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,14})")
_DECIMAL = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+][0-9]+)?")
_NUMERAL = re.compile(r"([-+]?)0*([0-9]+)(?:\.([0-9]*))?(?:[eE]([-+]?)0*([0-9]+))?")


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of numbers; a bracket includes its end, a parenthesis does not."""

    low: float
    high: float
    brackets: str = "[]"

    def __contains__(self, value: float) -> bool:
        # Written so that NaN is in no interval.
        above = self.low <= value if self.brackets[0] == "[" else self.low < value
        return above and (value <= self.high if self.brackets[1] == "]" else value < self.high)

    def __str__(self) -> str:
        return f"{self.brackets[0]}{self.low:g}, {self.high:g}{self.brackets[1]}"


class _Refused(yaml.MarkedYAMLError):
    """YAML, but of a kind that no policy needs."""


class _Loader(yaml.SafeLoader):
    depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's stub leaves it untyped
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            problem = "anchors and aliases are not supported; expected the value itself, written out"
            raise _Refused(None, None, problem, event.start_mark)
        if self.depth >= DEPTH:
            problem = f"nested too deeply; expected at most {DEPTH} levels"
            raise _Refused(None, None, problem, event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _compose(text: str) -> Node | None:
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


class Reading:
    """One YAML text being read; `mistakes` grows, and a value that is wrong reads as None."""

    def __init__(self, file: str, mistakes: list[Mistake]) -> None:
        self.file = file
        self.mistakes = mistakes

    def wrong(self, node: Node, message: str) -> None:
        """Note a mistake at a node's line."""
        self.mistakes.append(Mistake(self.file, line(node), message))

    def compose(self, text: str) -> MappingNode | None:
        """The document's top mapping."""
        if len(text.encode("utf-8", "surrogatepass")) > LIMIT:
            self._refuse(1, f"the file is larger than {LIMIT:,} bytes; expected a smaller one")
            return None
        try:
            node = _compose(text)
        except _Refused as error:
            self._refuse(error.problem_mark.line + 1 if error.problem_mark else 1, str(error.problem))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._refuse(mark.line + 1 if mark else 1, f"not YAML: {error.problem or error.context}")
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            # PyYAML lets Python's own complaints through for an escape beyond Unicode.
            self._refuse(1, f"not YAML: {' '.join(str(error).split())}")
        else:
            if isinstance(node, MappingNode) and self._is_mapping(node, "the document"):
                return node
            if not isinstance(node, MappingNode):
                found = "nothing" if node is None else _found(node)
                self._refuse(1, f"the document: expected a mapping, found {found}")
        return None

    def _refuse(self, line: int, message: str) -> None:
        self.mistakes.append(Mistake(self.file, line, message))

    def _is_mapping(self, node: Node, where: str) -> bool:
        if isinstance(node, MappingNode) and node.tag == f"{_TAG}map":
            return True
        self.wrong(node, f"{where}: expected a mapping, found {_found(node)}")
        return False

    def entries(self, node: Node, where: str) -> dict[str, tuple[Node, Node]]:
        """The keys of a mapping with their own nodes and their values; each key once."""
        entries: dict[str, tuple[Node, Node]] = {}
        if not self._is_mapping(node, where):
            return entries
        for key_node, value in node.value:
            key = self.text(key_node, f"{where}: a key")
            if key is None:
                continue
            if key in entries:
                first = line(entries[key][0])
                self.wrong(key_node, f"{where}: the key {key!r} stands twice; first on line {first}")
                continue
            entries[key] = (key_node, value)
        return entries

    def fields(self, node: Node, where: str, known: Collection[str]) -> dict[str, Node]:
        """The values of a mapping that has no keys but the known ones."""
        fields = {}
        for key, (key_node, value) in self.entries(node, where).items():
            if key in known:
                fields[key] = value
            else:
                self.wrong(key_node, f"{where}: unknown key {key!r}; {expected(key, known)}")
        return fields

    def items(self, node: Node, where: str) -> list[Node]:
        """The nodes of a list."""
        if isinstance(node, SequenceNode) and node.tag == f"{_TAG}seq":
            return list(node.value)
        self.wrong(node, f"{where}: expected a list, found {_found(node)}")
        return []

    def text(self, node: Node, where: str) -> str | None:
        """A text that is not empty."""
        if isinstance(node, ScalarNode) and node.tag == f"{_TAG}str" and node.value.strip():
            return str(node.value)
        hint = ""
        if isinstance(node, ScalarNode) and node.value and node.tag != f"{_TAG}str":
            hint = f'; write "{node.value}" in quotes'
        self.wrong(node, f"{where}: expected text, found {_found(node)}{hint}")
        return None

    def texts(self, node: Node, where: str) -> list[tuple[str, Node]]:
        """The texts of a list, each with its node."""
        read = ((self.text(item, where), item) for item in self.items(node, where))
        return [(text, item) for text, item in read if text is not None]

    def word(self, node: Node, where: str, words: Collection[str]) -> str | None:
        """One of a fixed set of words."""
        text = self.text(node, where)
        if text is None or text in words:
            return text
        self.wrong(node, f"{where}: unknown word {text!r}; {expected(text, words)}")
        return None

    def flag(self, node: Node, where: str) -> bool | None:
        """`true` or `false`, spelled so."""
        if isinstance(node, ScalarNode) and node.tag == f"{_TAG}bool":
            if node.value in ("true", "false"):
                return bool(node.value == "true")
            meant = "true" if node.value.lower() in ("yes", "on", "true") else "false"
            self.wrong(node, f"{where}: expected true or false, found `{node.value}`; write {meant}")
            return None
        self.wrong(node, f"{where}: expected true or false, found {_found(node)}")
        return None

    def number(self, node: Node, where: str, interval: Interval, whole: bool = False) -> float | None:
        """A finite number in an interval, written in plain digits."""
        wanted = f"{'a whole number' if whole else 'a number'} in {interval}"
        value = _number(node, whole)
        if value is None:
            self.wrong(node, f"{where}: expected {wanted}, found {_found(node)}{_numeral_hint(node)}")
        elif value not in interval:
            self.wrong(node, f"{where}: expected {wanted}, found {node.value}")
        else:
            return value
        return None


def line(node: Node) -> int:
    """The line a node begins on, counted from one."""
    return int(node.start_mark.line) + 1


def expected(word: str, known: Iterable[str]) -> str:
    """What could have stood in place of a word, and which of it was probably meant."""
    known = list(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.7)
    meant = f"did you mean {close[0]!r}? " if close else ""
    return f"{meant}expected {'one of ' if len(known) > 1 else ''}{', '.join(known) or 'none'}"


def _found(node: Node) -> str:
    if isinstance(node, ScalarNode):
        if node.tag == f"{_TAG}null":
            return "nothing"
        if node.tag == f"{_TAG}str":
            return f"the text {node.value!r}"
        if node.tag == f"{_TAG}bool":
            return f"`{node.value}`, which YAML reads as true or false"
        if node.tag.removeprefix(_TAG) in ("int", "float"):
            return f"the number {node.value}"
        return f"`{node.value}`, which YAML reads as {node.tag.removeprefix(_TAG)}"
    if node.tag not in (f"{_TAG}map", f"{_TAG}seq"):
        return f"a value tagged {node.tag}"
    return "a mapping" if isinstance(node, MappingNode) else "a list"


def _number(node: Node, whole: bool) -> float | None:
    if not isinstance(node, ScalarNode):
        return None
    if node.tag == f"{_TAG}int" and _INTEGER.fullmatch(node.value):
        return int(node.value)
    if node.tag == f"{_TAG}float" and _DECIMAL.fullmatch(node.value) and not whole:
        return float(node.value)
    return None


def _numeral_hint(node: Node) -> str:
    """How to write what was probably meant."""
    if not isinstance(node, ScalarNode) or node.tag == f"{_TAG}float":
        return ""
    match = _NUMERAL.fullmatch(node.value)
    if match is None:
        return ""
    sign, digits, fraction, exponent_sign, exponent = match.groups()
    plain = sign + digits
    if fraction is not None or exponent is not None:
        plain += f".{fraction or '0'}"
    if exponent is not None:
        plain += f"e{exponent_sign or '+'}{exponent}"
    if node.tag == f"{_TAG}int":
        return f", which YAML reads as {int(node.value, 8)}; write {plain} or {int(node.value, 8)}"
    return f"; write {plain}{'' if node.style is None else ' without quotes'}"
