from __future__ import annotations

from collections.abc import Callable

import pytest

Mistakes = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1: the document: expected a mapping, found nothing"),
        ("# nothing\n", "1: the document: expected a mapping, found nothing"),
        ("- a\n", "1: the document: expected a mapping, found a list"),
        ("just text\n", "1: the document: expected a mapping, found the text 'just text'"),
        ("a: [\n", "2: not YAML: expected the node content, but found '<stream end>'"),
        ("a: b: c\n", "1: not YAML: mapping values are not allowed here"),
        ("a: 1\n---\nb: 2\n", "2: not YAML: but found another document"),
        ('a: "\\UFFFFFFFF"\n', "1: not YAML: Python int too large to convert to C int"),
        ("a: \x00\n", None),
        (
            "a: b\nextra: &x [1]\n",
            "2: anchors and aliases are not supported; expected the value itself, written out",
        ),
        (
            "a: *x\n",
            "1: anchors and aliases are not supported; expected the value itself, written out",
        ),
        ("a: " + "[" * 30 + "]" * 30, "1: nested too deeply; expected at most 20 levels"),
        ("#" * 1_000_001, "1: the file is larger than 1,000,000 bytes; expected a smaller one"),
    ],
)
def test_what_is_no_policy_at_all(mistakes: Mistakes, text: str, expected: str | None) -> None:
    """Text that cannot be read is told with its line, and never expanded or run."""
    found = mistakes(text)

    assert 1 == len(found)
    assert expected is None or [f"p.yaml:{expected}"] == found


def test_an_alias_bomb_is_refused_unexpanded(mistakes: Mistakes) -> None:
    """Nine levels of nine references each would be 400 million values."""
    levels = ["a0: &a0 [x, x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]

    expected = "p.yaml:1: anchors and aliases are not supported; expected the value itself, written out"
    assert [expected] == mistakes("\n".join(levels))


def test_tags_run_nothing(mistakes: Mistakes, sound: str) -> None:
    """A tag that PyYAML's unsafe loader would run is only a value of the wrong kind."""
    text = sound.replace("name: p", 'name: !!python/object/apply:os.system ["true"]')

    expected = (
        "p.yaml:2: name: expected text, found a value tagged tag:yaml.org,2002:python/object/apply:os.system"
    )
    assert [expected] == mistakes(text)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "name: p",
            "name: p\nevidence: { max_age_days: 010 }",
            "3: evidence.max_age_days: expected a whole number in [1, 36500], found the number 010,"
            " which YAML reads as 8; write 10 or 8",
        ),
        (
            "name: p",
            "name: p\nevidence: { max_age_days: 0 }",
            "3: evidence.max_age_days: expected a whole number in [1, 36500], found 0",
        ),
        (
            "name: p",
            "name: p\nevidence: { max_age_days: 1.5 }",
            "3: evidence.max_age_days: expected a whole number in [1, 36500], found the number 1.5",
        ),
        (
            "name: p",
            "name: p\nevidence: { days: 1 }",
            "3: evidence: unknown key 'days'; expected one of max_age_days, signed_by",
        ),
    ],
)
def test_numbers(mistakes: Mistakes, sound: str, old: str, new: str, expected: str) -> None:
    """A number is written in plain digits, in its range, and never guessed."""
    assert old in sound
    assert [f"p.yaml:{expected}"] == mistakes(sound.replace(old, new))
