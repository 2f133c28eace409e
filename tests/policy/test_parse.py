from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from governance.domain.label import EVERYTHING, Confidentiality, Identifiability
from governance.errors import NotFound, PolicyInvalid
from governance.policy.document import CheckUse, Enforcement, Range, Role, Rule, Target, When
from governance.policy.parse import load, parse, shipped

Mistakes = Callable[..., list[str]]


def test_everything_a_policy_can_say() -> None:
    """Each key lands in the typed document."""
    policy = parse(
        """
schema: governance/policy/v1
name: whole
description: all of it
justification: agreed
evidence: { max_age_days: 90 }
targets:
  production:
    aliases: [champion]
    stages: [Production]
    for_models: ["health-*"]
    purpose: care
    region: eu
  released: { models: ["released-?"] }
roles:
  dpo: { users: [dora] }
rules:
  - name: r
    description: a rule
    when:
      confidentiality: { at_least: internal, at_most: confidential }
      identifiability: { at_least: personal }
      special_categories: any
      subject_categories: { any_of: [child, customer] }
      vulnerable: true
      unknown: false
    targets: [production]
    enforcement: warn
    checks:
      - lineage-known
      - membership-tpr: { fpr: 1.0e-2, max: 0.03 }
      - approval: { role: dpo }
""",
        "whole.yaml",
    )

    assert ("whole", "all of it", "agreed", 90, ()) == (
        policy.name,
        policy.description,
        policy.justification,
        policy.max_age_days,
        policy.warnings,
    )
    assert {
        "production": Target("production", ("champion",), ("Production",), (), ("health-*",), "care", "eu"),
        "released": Target("released", models=("released-?",)),
    } == policy.targets
    assert {"dpo": Role("dpo", ("dora",))} == policy.roles
    assert (
        Rule(
            name="r",
            checks=(
                CheckUse("lineage-known", {}),
                CheckUse("membership-tpr", {"fpr": 0.01, "max": 0.03}),
                CheckUse("approval", {"role": "dpo", "count": 1, "independent": True}),
            ),
            when=When(
                confidentiality=Range(Confidentiality.INTERNAL, Confidentiality.CONFIDENTIAL),
                identifiability=Range(Identifiability.PERSONAL),
                special_categories=EVERYTHING,
                subject_categories=frozenset({"child", "customer"}),
                vulnerable=True,
                unknown=False,
            ),
            targets=("production",),
            enforcement=Enforcement.WARN,
            description="a rule",
        ),
    ) == policy.rules


DOCUMENT = (
    "expected one of schema, name, description, extends, justification, evidence, targets, roles, rules,"
    " approvals, keys, waivers, break_glass, access, regions"
)
CHECK_NAMES = (
    "expected one of actor-known, lineage-known, purpose-permitted, region-permitted, retention-open,"
    " consent-valid, legal-basis-documented, membership-auc, membership-tpr, attack-withstood, dp-epsilon,"
    " dp-unit, dp-budget, approval"
)


def test_all_mistakes_at_once(mistakes: Mistakes) -> None:
    """A file with many mistakes is not a series of surprises; they come in order of their lines."""
    text = """\
schema: governance/policy/v1
nam: p
targets:
  production: { aliases: [champion], stage: Production }
rules:
  - name: r
    enforcement: yes
    checks:
      - dp-epsilon: { max: 3.0, delta_max: 1e-5 }
      - approval: { role: dpo }
"""
    assert [
        "p.yaml:1: the document: the key 'name' is missing",
        f"p.yaml:2: the document: unknown key 'nam'; did you mean 'name'? {DOCUMENT}",
        "p.yaml:4: targets.production: unknown key 'stage'; did you mean 'stages'?"
        " expected one of aliases, stages, models, for_models, purpose, region",
        "p.yaml:7: rule r: enforcement: expected text, found `yes`, which YAML reads as true or false;"
        ' write "yes" in quotes',
        "p.yaml:9: rule r: dp-epsilon: delta_max: expected a number in (0, 1), found the text"
        " '1e-5'; write 1.0e-5",
        "p.yaml:10: rule r: approval: role: undefined role 'dpo'; expected none",
    ] == mistakes(text)


def test_an_error_ends_with_what_to_do() -> None:
    """The whole error is the mistakes and the next command."""
    with pytest.raises(PolicyInvalid) as invalid:
        parse("", "p.yaml")

    assert (
        "p.yaml:1: the document: expected a mapping, found nothing\n"
        "Mend the lines above, then run: governance policy validate FILE" == str(invalid.value)
    )


def test_shared_aliases_of_disjoint_models_are_sound(sound: str) -> None:
    """Two targets may claim one alias where no registered model can be meant by both."""
    text = sound.replace(
        "  production: { aliases: [champion] }",
        '  a: { aliases: [champion], for_models: ["a-*"] }\n  b: { aliases: [champion],'
        ' for_models: ["b-*"] }',
    )

    assert ["a", "b"] == list(parse(text, "p.yaml").targets)


def test_overlapping_model_patterns_are_a_mistake(sound: str, mistakes: Mistakes) -> None:
    """Two targets may not both claim one registered model."""
    text = sound.replace(
        "  production: { aliases: [champion] }", '  a: { models: ["released-*"] }\n  b: { models: ["*-eu"] }'
    )

    assert ["p.yaml:5: targets.b: claims models named '*-eu', which target 'a' claims already"] == mistakes(
        text
    )


def test_an_empty_role_is_a_warning(sound: str) -> None:
    """Shipped policies name nobody; such a policy is sound, and says what it lacks."""
    text = sound.replace("[dora]", "[]").replace("[lineage-known]", "[approval: { role: dpo, count: 2 }]")

    expected = [
        "p.yaml:8: rule r: 2 holding the role 'dpo' must approve, and nobody does;"
        " name people under roles in a policy that extends this one"
    ]
    assert expected == [str(warning) for warning in parse(text, "p.yaml").warnings]


def test_extends_merges_by_name(tmp_path: Path, sound: str) -> None:
    """A part of the same name is replaced whole, others are added, keys override, the order stays."""
    (tmp_path / "base.yaml").write_text(
        sound.replace("name: p", "name: base\ndescription: first\njustification: j")
    )
    child = """\
schema: governance/policy/v1
name: child
extends: base.yaml
description: second
targets:
  released: { models: ["released-*"] }
roles:
  dpo: { users: [eve] }
rules:
  - { name: r, checks: [actor-known] }
  - { name: s, checks: [lineage-known] }
"""
    policy = parse(child, str(tmp_path / "child.yaml"))

    assert ("child", "second", "j") == (policy.name, policy.description, policy.justification)
    assert ["production", "released"] == list(policy.targets)
    assert ("eve",) == policy.roles["dpo"].users
    assert [("r", "actor-known"), ("s", "lineage-known")] == [
        (r.name, r.checks[0].name) for r in policy.rules
    ]


def test_a_mistake_in_the_extended_file_is_named_there(
    tmp_path: Path, sound: str, mistakes: Mistakes
) -> None:
    """Mistakes of both files come together, each with its own file."""
    base, child = tmp_path / "base.yaml", tmp_path / "child.yaml"
    base.write_text(sound.replace("champion", "'@champion'"))
    text = sound.replace("name: p", "name: child\nextends: base.yaml").replace("lineage-known", "linage")

    assert [
        f"{base}:4: targets.production.aliases: expected letters, digits, '_' and '-' (no '@'),"
        f" found '@champion'",
        f"{child}:10: rule r: unknown check 'linage'; {CHECK_NAMES}",
    ] == mistakes(text, str(child))


def test_extends_does_not_go_round(tmp_path: Path, sound: str) -> None:
    """A file that extends itself, through another or not, is refused."""
    a, b = tmp_path / "a.yaml", tmp_path / "b.yaml"
    a.write_text(sound.replace("name: p", "name: a\nextends: b.yaml"))
    b.write_text(sound.replace("name: p", "name: b\nextends: a.yaml"))

    with pytest.raises(PolicyInvalid) as invalid:
        load(str(a))

    expected = f"{b}:3: extends: goes round in a circle: a.yaml -> b.yaml -> a.yaml"
    assert [expected] == [str(mistake) for mistake in invalid.value.mistakes]


def test_extends_takes_no_absolute_path(tmp_path: Path, sound: str, mistakes: Mistakes) -> None:
    """A policy means the same wherever its folder is copied to."""
    (tmp_path / "base.yaml").write_text(sound)
    text = sound.replace("name: p", f"name: p\nextends: {tmp_path}/base.yaml")

    expected = (
        f"p.yaml:3: extends: there is no policy '{tmp_path}/base.yaml';"
        " expected one of baseline, gdpr, health, or the path of a file relative to this one"
    )
    assert [expected] == mistakes(text)


def test_load_by_name_and_by_path(tmp_path: Path) -> None:
    """A shipped name and the path of a file are both sources; a file may extend a shipped one."""
    file = tmp_path / "ours.yaml"
    file.write_text("schema: governance/policy/v1\nname: ours\nextends: health\n")

    assert ("baseline", "ours") == (load("baseline").name, load(str(file)).name)
    assert load("health").rules == load(str(file)).rules


def test_load_nothing() -> None:
    """A source that is neither is answered with the shipped names."""
    with pytest.raises(NotFound) as missing:
        load("helth")

    expected = (
        "There is no policy 'helth': did you mean 'health'? expected one of baseline, gdpr, health,"
        " or the path of a YAML file.\n"
        "Choose one of them, or run: governance policy validate FILE"
    )
    assert expected == str(missing.value)


def test_load_what_is_no_text(tmp_path: Path) -> None:
    """Bytes that are no text are a mistake on the first line."""
    file = tmp_path / "latin1.yaml"
    file.write_bytes(b"name: caf\xe9\n")

    with pytest.raises(PolicyInvalid) as invalid:
        load(str(file))

    assert [f"{file}:1: not UTF-8 text: invalid continuation byte at byte 9"] == [
        str(mistake) for mistake in invalid.value.mistakes
    ]


def test_shipped() -> None:
    """Three policies are shipped."""
    assert ("baseline", "gdpr", "health") == shipped()
