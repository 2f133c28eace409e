from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from governance.domain.label import Confidentiality
from governance.policy.access import Access, AccessRule, Regions
from governance.policy.conditions import Range, When
from governance.policy.document import Role
from governance.policy.exceptions import BreakGlassRule, WaiverRule
from governance.policy.parse import parse

Mistakes = Callable[..., list[str]]

SECTIONS = """\
schema: governance/policy/v1
name: whole
evidence: {{ max_age_days: 90, signed_by: [lab] }}
approvals: {{ signed: true }}
keys:
  dora: ["{0}"]
  lab: ["{1}"]
targets:
  production: {{ aliases: [champion] }}
roles:
  dpo: {{ users: [dora], groups: [lawyers] }}
  clinician: {{ groups: [ward-7] }}
rules:
  - name: r
    checks: [lineage-known]
waivers:
  membership-tpr: {{ roles: [dpo, clinician], count: 3, max_days: 30 }}
  dp-epsilon: {{ roles: [dpo], max_days: 7 }}
break_glass: {{ roles: [dpo], max_hours: 24 }}
access:
  - {{ name: everybody, roles: [] }}
  - name: wards
    when: {{ confidentiality: {{ at_least: restricted }} }}
    roles: [clinician]
    actions: [download, load]
    purposes: [care]
regions:
  registry: eu
  artifacts: {{ "s3://eu-*": eu, "s3://*": us }}
"""


@pytest.fixture(scope="module")
def whole(keys: Any) -> str:
    """A policy that says everything there is in the optional sections."""
    return SECTIONS.format(keys["dora"].line, keys["lab"].line)


def test_everything_the_optional_sections_can_say(whole: str, keys: Any) -> None:
    """Each key lands in the typed document; what is left out of a part has its default."""
    policy = parse(whole, "whole.yaml")

    assert (90, ("lab",), True) == (policy.max_age_days, policy.evidence_signed_by, policy.approvals_signed)
    assert {"dora": (keys["dora"].line,), "lab": (keys["lab"].line,)} == policy.keys
    assert {
        "dpo": Role("dpo", ("dora",), ("lawyers",)),
        "clinician": Role("clinician", (), ("ward-7",)),
    } == policy.roles
    assert {
        "membership-tpr": WaiverRule("membership-tpr", ("dpo", "clinician"), 3, 30),
        "dp-epsilon": WaiverRule("dp-epsilon", ("dpo",), 1, 7),
    } == policy.waivers
    assert BreakGlassRule(("dpo",), 24) == policy.break_glass
    assert (
        AccessRule("everybody", ()),
        AccessRule(
            "wards",
            ("clinician",),
            When(confidentiality=Range(Confidentiality.RESTRICTED)),
            (Access.LOAD, Access.DOWNLOAD),
            ("care",),
        ),
    ) == policy.access
    assert Regions("eu", (("s3://eu-*", "eu"), ("s3://*", "us"))) == policy.regions


def test_the_archived_text_is_the_policy(whole: str) -> None:
    """What is archived parses to the same policy, with the same digest."""
    policy = parse(whole, "whole.yaml")

    assert (policy.digest, policy.to_json()) == (
        parse(policy.text, "archived.yaml").digest,
        parse(policy.text, "archived.yaml").to_json(),
    )


def test_a_policy_without_them_is_what_it_was(sound: str) -> None:
    """No optional section leaves a trace in the digest of a policy that has none."""
    policy = parse(sound, "p.yaml")

    assert {"schema", "name", "targets", "roles", "rules"} == set(policy.to_json())
    assert ((), False, {}, {}, None, (), Regions()) == (
        policy.evidence_signed_by,
        policy.approvals_signed,
        policy.keys,
        policy.waivers,
        policy.break_glass,
        policy.access,
        policy.regions,
    )


WAIVABLE = (
    "expected one of lineage-known, purpose-permitted, region-permitted, retention-open, consent-valid,"
    " legal-basis-documented, membership-auc, membership-tpr, attack-withstood, dp-epsilon, dp-unit,"
    " dp-budget"
)


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("evidence: { signed_by: [lab] }", ["10: evidence.signed_by: undefined key 'lab'; expected none"]),
        (
            "approvals: true",
            ["10: approvals: expected a mapping, found `true`, which YAML reads as true or false"],
        ),
        (
            "approvals: { signed: yes }",
            ["10: approvals.signed: expected true or false, found `yes`; write true"],
        ),
        ("keys: { dora: [] }", ["10: keys.dora: the list is empty; expected at least one public key"]),
        (
            "keys: { dora: ssh-ed25519 }",
            ["10: keys.dora: expected a list, found the text 'ssh-ed25519'"],
        ),
        ("keys: { dora: [hunter2] }", ["10: keys.dora: 'hunter2' is no public key."]),
        (
            "waivers: { membership-trp: { roles: [dpo], max_days: 7 } }",
            [f"10: waivers: unknown check 'membership-trp'; did you mean 'membership-tpr'? {WAIVABLE}"],
        ),
        (
            "waivers: { actor-known: { roles: [dpo], max_days: 7 } }",
            ["10: waivers.actor-known: the check 'actor-known' can never be waived"],
        ),
        ("waivers: { approval: never }", ["10: waivers.approval: the check 'approval' can never be waived"]),
        (
            "waivers: { dp-unit: {} }",
            [
                "10: waivers.dp-unit: the key 'max_days' is missing",
                "10: waivers.dp-unit: the key 'roles' is missing",
            ],
        ),
        (
            "waivers: { dp-unit: { roles: [], max_days: 400 } }",
            [
                "10: waivers.dp-unit.max_days: expected a whole number in [1, 365], found 400",
                "10: waivers.dp-unit.roles: the list is empty; expected at least one role",
            ],
        ),
        (
            "waivers: { dp-unit: { roles: [dpo, dpo], count: 1, max_days: 4 } }",
            ["10: waivers.dp-unit.roles: the role 'dpo' stands twice"],
        ),
        (
            "waivers:\n  dp-unit:\n    roles: [dpo, pope]\n    count: 1\n    max_days: 4",
            [
                "12: waivers.dp-unit.roles: undefined role 'pope'; expected dpo",
                "13: waivers.dp-unit.count: each of the 2 roles signs by another person;"
                " expected at least 2, found 1",
            ],
        ),
        (
            "break_glass: { roles: [dop], max_hours: 100 }",
            [
                "10: break_glass.max_hours: expected a whole number in [1, 72], found 100",
                "10: break_glass.roles: undefined role 'dop'; expected dpo",
            ],
        ),
        ("break_glass: always", ["10: break_glass: expected a mapping, found the text 'always'"]),
        ("access: {}", ["10: access: expected a list, found a mapping"]),
        (
            "access: [{ roles: [dpo] }]",
            ["10: access: rule 1: the key 'name' is missing"],
        ),
        (
            "access:\n  - { name: a, roles: [dpo] }\n  - { name: a, roles: [dpo] }",
            ["12: access: rule 2: two rules have the name 'a'; the first is on line 11"],
        ),
        (
            "access: [{ name: a, roles: [pope], actions: [downlod], when: { vulnerable: no } }]",
            [
                "10: access rule a: actions: unknown word 'downlod'; did you mean 'download'?"
                " expected one of see, load, download",
                "10: access rule a: roles: undefined role 'pope'; expected dpo",
                "10: access rule a: when.vulnerable: expected true or false, found `no`; write false",
            ],
        ),
        (
            "access: [{ name: a, roles: [dpo], actions: [] }]",
            ["10: access rule a: actions: restricts nothing: the list is empty"],
        ),
        (
            "regions: { registry: no }",
            [
                "10: regions.registry: expected text, found `no`, which YAML reads as true or false;"
                ' write "no" in quotes'
            ],
        ),
        (
            "regions: { artifacts: [eu] }",
            ["10: regions.artifacts: expected a mapping, found a list"],
        ),
    ],
)
def test_each_mistake(mistakes: Mistakes, sound: str, section: str, expected: list[str]) -> None:
    """Every kind of mistake in an optional section is named with its line, what was found and expected."""
    assert [f"p.yaml:{message}" for message in expected] == mistakes(f"{sound}{section}\n")


def test_a_private_key_is_no_public_key(mistakes: Mistakes, sound: str, keys: Any) -> None:
    """A secret that got into a policy is refused, and not repeated."""
    secret = "\n".join(f"        {line}" for line in keys["dora"].private_pem.splitlines())
    text = f"{sound}keys:\n  dora:\n    - |\n{secret}\n"

    (found,) = mistakes(text)

    expected = "This is a private key where a public one belongs: whoever read it can sign with it."
    assert f"p.yaml:12: keys.dora: {expected}" == found


def test_a_key_under_two_names_answers_for_nobody(mistakes: Mistakes, sound: str, keys: Any) -> None:
    """One key, one name, however the key is written and whichever file each name stands in."""
    text = f'{sound}keys:\n  dora: ["{keys["dora"].line} work"]\n  eve: ["{keys["dora"].line}"]\n'

    message = f"the key {keys['dora'].keyid[:12]} is also one of 'dora'; expected a key of its own"
    assert [f"p.yaml:12: keys.eve: {message}"] == mistakes(text)


def test_a_name_has_several_keys(sound: str, keys: Any) -> None:
    """Whoever changes keys has two for a while."""
    text = f'{sound}keys:\n  dora: ["{keys["dora"].line}", "{keys["lab"].line}"]\n'

    assert {"dora": (keys["dora"].line, keys["lab"].line)} == parse(text, "p.yaml").keys


CHILD = """\
schema: governance/policy/v1
name: child
extends: base.yaml
"""


@pytest.fixture
def extended(tmp_path: Path, whole: str) -> Callable[[str], Any]:
    """Parses a policy that extends the whole one."""
    (tmp_path / "base.yaml").write_text(whole)
    return lambda text: parse(f"{CHILD}{text}", str(tmp_path / "child.yaml"))


def test_what_is_not_said_is_inherited(extended: Callable[[str], Any], whole: str) -> None:
    """A policy that only extends is the one it extends."""
    base, child = parse(whole, "whole.yaml"), extended("")

    assert base.to_json() | {"name": "child"} == child.to_json()


def test_parts_of_the_same_name_are_replaced(extended: Callable[[str], Any], keys: Any) -> None:
    """Waivers by check, access rules and keys by name; break_glass as a whole; others stay."""
    child = extended(
        f"""\
evidence: {{ signed_by: [] }}
approvals: {{ signed: false }}
keys:
  dora: ["{keys["pia"].line}"]
waivers:
  dp-epsilon: {{ roles: [clinician], max_days: 1 }}
break_glass: {{ roles: [clinician], max_hours: 1 }}
access:
  - {{ name: everybody, roles: [dpo] }}
"""
    )

    assert ((), False, 90) == (child.evidence_signed_by, child.approvals_signed, child.max_age_days)
    assert {"dora": (keys["pia"].line,), "lab": (keys["lab"].line,)} == child.keys
    assert [("membership-tpr", 30), ("dp-epsilon", 1)] == [
        (w.check, w.max_days) for w in child.waivers.values()
    ]
    assert BreakGlassRule(("clinician",), 1) == child.break_glass
    assert [("everybody", ("dpo",)), ("wards", ("clinician",))] == [(a.name, a.roles) for a in child.access]


def test_never_takes_away(extended: Callable[[str], Any]) -> None:
    """A waiver or the glass that an extended policy offers can be taken away again."""
    child = extended("waivers: { dp-epsilon: never }\nbreak_glass: never\n")

    assert (["membership-tpr"], None) == (list(child.waivers), child.break_glass)
    assert child.digest == parse(child.text, "archived.yaml").digest


def test_a_policy_s_own_regions_come_first(extended: Callable[[str], Any]) -> None:
    """The first match counts, so an exception stands before the rule that is extended."""
    child = extended('regions: { artifacts: { "s3://us-eu-mirror*": eu, "s3://*": ap } }\n')

    assert (
        Regions("eu", (("s3://us-eu-mirror*", "eu"), ("s3://*", "ap"), ("s3://eu-*", "eu"))) == child.regions
    )
