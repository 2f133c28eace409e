from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from governance.policy.access import AccessRule, Regions
from governance.policy.checks import CHECKS
from governance.policy.exceptions import WaiverRule
from governance.policy.optional_sections import KEYS
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


EXAMPLES = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: yaml.safe_load(example)["name"])
def test_every_example_is_a_policy(example: str, tmp_path: Path) -> None:
    """Each extends a shipped policy without a mistake or a warning, and says what it shows."""
    policy = parse(example, str(tmp_path / "example.yaml"))

    given = yaml.safe_load(example)
    assert (given["name"], ()) == (policy.name, policy.warnings)
    assert set(given) - {"extends"} <= set(policy.to_json())


def test_every_section_has_an_example_and_a_heading() -> None:
    """Each optional section is described under the whole file's keys and shown in an example."""
    described = re.findall(r"^\| `(\w+)` \|", README.partition("### Targets")[0], re.MULTILINE)
    shown = {section for example in EXAMPLES for section in yaml.safe_load(example)}

    assert [] == [section for section in KEYS if section not in described]
    assert {"approvals", "keys", "access", "regions"} <= shown


def test_the_keys_of_a_section_are_those_that_are_read() -> None:
    """Each table of an optional section names exactly the keys that a reader takes."""
    wanted = {
        "Evidence": ["max_age_days", "signed_by"],
        "Waivers": list(WaiverRule("", (), 0, 0).to_json()),
        "Access": [field.name for field in fields(AccessRule)],
        "Regions": [field.name for field in fields(Regions)],
    }
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##)", README, re.MULTILINE | re.DOTALL))

    for name, keys in wanted.items():
        assert sorted(keys) == sorted(re.findall(r"^\| `(\w+)`", sections[name], re.MULTILINE)), name
