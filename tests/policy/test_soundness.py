from __future__ import annotations

from typing import Any

import pytest

from governance.policy.parse import load, parse

POLICY = """\
schema: governance/policy/v1
name: p
targets:
  production: {{ aliases: [champion] }}
roles:
  dpo: {{ {dpo} }}
  boss: {{ {boss} }}
rules:
  - name: r
    checks: [lineage-known]
{section}
"""
NAME = "; name people under roles in a policy that extends this one"


def warned(section: str, dpo: str = "users: []", boss: str = "users: []") -> list[str]:
    """The warnings of a policy with this section on line 11."""
    text = POLICY.format(dpo=dpo, boss=boss, section=section)
    return [str(warning) for warning in parse(text, "p.yaml").warnings]


WAIVER = "waivers: {{ dp-unit: {{ roles: [{roles}], count: {count}, max_days: 7 }} }}"


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (
            WAIVER.format(roles="dpo", count=1),
            [f"p.yaml:11: waivers.dp-unit: nobody holds the role 'dpo', so nobody can waive it{NAME}"],
        ),
        (
            "break_glass: { roles: [dpo], max_hours: 1 }",
            [f"p.yaml:11: break_glass: nobody holds the role 'dpo', so nobody can break the glass{NAME}"],
        ),
        (
            "access: [{ name: a, roles: [dpo, boss] }]",
            [f"p.yaml:11: access rule a: nobody holds any of the roles dpo, boss, so nobody passes{NAME}"],
        ),
        ("access: [{ name: closed, roles: [] }]", []),
        ("waivers: { dp-unit: never }\nbreak_glass: never", []),
    ],
)
def test_what_nobody_could_do_is_a_warning(section: str, expected: list[str]) -> None:
    """Sound, and idle: each part for roles that nobody holds is named with what it waits for."""
    assert expected == warned(section)


@pytest.mark.parametrize("dpo", ["users: [dora]", "groups: [lawyers]"])
@pytest.mark.parametrize(
    "section",
    [
        WAIVER.format(roles="dpo", count=1),
        "break_glass: { roles: [boss, dpo], max_hours: 1 }",
        "access: [{ name: a, roles: [dpo, boss] }]",
    ],
)
def test_one_holder_is_enough(section: str, dpo: str) -> None:
    """By name or by group; of several roles, one for which somebody can act."""
    assert [] == warned(section, dpo)


@pytest.mark.parametrize(
    ("people", "count", "expected"),
    [
        (("users: [dora]", "users: [dora]"), 2, "2 different people must sign, and only dora could"),
        (("users: [dora]", "users: [erin]"), 3, "3 different people must sign, and only dora, erin could"),
        (("users: [dora]", "users: [erin]"), 2, ""),
        (("users: [dora]", "users: [dora], groups: [bosses]"), 2, ""),
    ],
)
def test_a_waiver_that_too_few_could_sign(people: tuple[str, str], count: int, expected: str) -> None:
    """Different people are counted; how many a group has is not known."""
    found = warned(WAIVER.format(roles="dpo, boss", count=count), *people)

    assert ([f"p.yaml:11: waivers.dp-unit: {expected}{NAME}"] if expected else []) == found


def test_an_approval_by_a_group_is_no_warning(sound: str) -> None:
    """Who is in a group, only the server's log-in knows."""
    text = sound.replace("[lineage-known]", "[approval: { role: dpo, count: 2 }]")

    assert () == parse(text.replace("users: [dora]", "groups: [lawyers]"), "p.yaml").warnings


def test_people_without_keys_are_named(keys: Any) -> None:
    """Where approvals count only if they are signed, whoever has no key cannot give one."""
    section = f'approvals: {{ signed: true }}\nkeys: {{ dora: ["{keys["dora"].line}"] }}'

    assert [
        "p.yaml:6: roles.dpo: approvals count only if they are signed, and no key is named for eve, Dora;"
        " name it under keys"
    ] == warned(section, "users: [eve, dora, Dora]", "users: [dora]")
    assert [] == warned("approvals: { signed: false }", "users: [eve]")


def test_what_a_shipped_policy_offers_is_no_warning() -> None:
    """Nobody has to take up a waiver or break the glass; in one's own policy they are meant."""
    own = "schema: governance/policy/v1\nname: own\nextends: gdpr\n"
    text = f"{own}break_glass: {{ roles: [accountable_executive], max_hours: 1 }}\n"

    about = [
        [w.message.partition(":")[0] for w in policy.warnings if "nobody holds" in w.message]
        for policy in (load("gdpr"), parse(own, "own.yaml"), parse(text, "own.yaml"))
    ]
    assert [[], [], ["break_glass"]] == about
