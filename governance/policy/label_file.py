"""A sensitivity label from a YAML file, for people to write; what they leave out is unknown."""

from __future__ import annotations

from datetime import date
from typing import Any

from yaml.nodes import Node, ScalarNode

from governance.domain.label import DIMENSIONS, EVERYTHING, TOP, Label, parse_word
from governance.errors import GovernanceError, Mistake, UsageError
from governance.policy.reading import Reading
from governance.policy.rules import WORDS, category

UNKNOWN = "unknown"
"""Written for any dimension, it means its top; so does leaving the dimension out."""


class LabelInvalid(UsageError):
    """The label cannot be used; every mistake in its file is named at once."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        self.mistakes = tuple(sorted(mistakes))
        GovernanceError.__init__(
            self, "\n".join(map(str, self.mistakes)), "Mend the lines above, and run the command again."
        )


def label_from_yaml(text: str, file: str) -> Label:
    """The label in a YAML text: one key a dimension, `unknown` or left out for its top.

    Args:
        text: For example `{confidentiality: confidential, special_categories: [health], …}`. Sets are
            lists; `everything` is the set of all there are. `retention` is a date or `no limit`.
        file: What the text is called in mistakes.

    Raises:
        LabelInvalid: it has mistakes; all of them are named.
    """
    reading = Reading(file, [])
    node = reading.compose(text)
    fields = reading.fields(node, "the label", DIMENSIONS) if node is not None else {}
    values: dict[str, Any] = {d: getattr(TOP, d) for d in DIMENSIONS}
    for dimension, value in fields.items():
        if not (isinstance(value, ScalarNode) and value.value == UNKNOWN):
            values[dimension] = _value(reading, value, dimension)
    if reading.mistakes:
        raise LabelInvalid(tuple(reading.mistakes))
    return Label(**values)


def _value(reading: Reading, node: Node, dimension: str) -> Any:
    if dimension in WORDS:
        words = [member.word for member in WORDS[dimension]]
        word = reading.word(node, dimension, [*words, UNKNOWN])
        return None if word is None else parse_word(WORDS[dimension], word)
    if dimension == "retention":
        return _day(reading, node)
    if isinstance(node, ScalarNode):
        return EVERYTHING if reading.word(node, dimension, ["everything", UNKNOWN]) else None
    closed = dimension in ("special_categories", "subject_categories")
    return frozenset(
        word
        for word, item in reading.texts(node, dimension)
        if not closed or category(reading, item, word, dimension, dimension)
    )


def _day(reading: Reading, node: Node) -> date | None:
    if isinstance(node, ScalarNode) and node.value == "no limit":
        return date.max
    try:
        return date.fromisoformat(node.value if isinstance(node, ScalarNode) else "")
    except ValueError:
        found = f", found {node.value!r}" if isinstance(node, ScalarNode) else ""
        reading.wrong(node, f"retention: expected a day such as 2030-12-31, `no limit` or unknown{found}")
        return None
