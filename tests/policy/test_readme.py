from __future__ import annotations

import re
from pathlib import Path

import yaml

from governance.policy.checks import CHECKS
from governance.policy.parse import parse
from governance.policy.rules import WORDS
from governance.policy.sections import STAGES
from governance.resources import folder

README = (folder("policies") / "README.md").read_text("utf-8")


def test_every_check_has_its_heading() -> None:
    """The checks are documented one heading each, in their order, and no other."""
    assert list(CHECKS) == re.findall(r"^### `([a-z-]+)`$", README, re.MULTILINE)


def test_every_parameter_is_in_its_check_s_table() -> None:
    """Each check's table names exactly its parameters."""
    sections = re.split(r"^### ", README.partition("## Checks")[2], flags=re.MULTILINE)[1:]
    documented = {s.split("`")[1]: re.findall(r"^\| `(\w+)`", s, re.MULTILINE) for s in sections}

    assert {name: list(check.parameters) for name, check in CHECKS.items()} == documented


def test_every_word_is_documented() -> None:
    """All words of the chains, and all stages, stand in the format's description."""
    words = {member.word for chain in WORDS.values() for member in chain} | set(STAGES)

    assert set() == {word for word in words if f"`{word}`" not in README}


def test_the_example_is_a_policy(tmp_path: Path) -> None:
    """The example extends a shipped policy without a mistake or a warning."""
    (example,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)

    policy = parse(example, str(tmp_path / "example.yaml"))

    assert (yaml.safe_load(example)["name"], ()) == (policy.name, policy.warnings)
