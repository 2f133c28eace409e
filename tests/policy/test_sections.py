from __future__ import annotations

from collections.abc import Callable

import pytest

Mistakes = Callable[..., list[str]]

DOCUMENT = (
    "expected one of schema, name, description, extends, justification, evidence, targets, roles, rules,"
    " approvals, keys, waivers, break_glass, access, regions"
)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        # the document
        ("name: p\n", "", "1: the document: the key 'name' is missing"),
        (
            "schema: governance/policy/v1",
            "description: x",
            "1: the document: the key 'schema' is missing; expected governance/policy/v1",
        ),
        (
            "policy/v1",
            "policy/v2",
            "1: schema: unknown word 'governance/policy/v2';"
            " did you mean 'governance/policy/v1'? expected governance/policy/v1",
        ),
        (
            "rules:\n",
            "rule: []\nrules:\n",
            f"7: the document: unknown key 'rule'; did you mean 'rules'? {DOCUMENT}",
        ),
        ("name: p", "name: p\nname: q", "3: the document: the key 'name' stands twice; first on line 2"),
        (
            "name: p",
            "name: on",
            '2: name: expected text, found `on`, which YAML reads as true or false; write "on" in quotes',
        ),
        ("name: p", "name: 7", '2: name: expected text, found the number 7; write "7" in quotes'),
        (
            "name: p",
            "name: 2026-03-01",
            "2: name: expected text, found `2026-03-01`, which YAML reads as timestamp; write"
            ' "2026-03-01" in quotes',
        ),
        ("name: p", "name:", "2: name: expected text, found nothing"),
        ("name: p", "name: [p]", "2: name: expected text, found a list"),
        ("name: p", "name: a b", "2: name: expected letters, digits, '_', '-' and '.', found 'a b'"),
        (
            "name: p",
            "name: p\non: 1",
            "3: the document: a key: expected text, found `on`, which YAML reads as true or false;"
            ' write "on" in quotes',
        ),
        (
            "name: p",
            "name: p\nextends: baselin",
            "3: extends: there is no policy 'baselin'; did you mean 'baseline'?"
            " expected one of baseline, gdpr, health, or the path of a file relative to this one",
        ),
        # targets
        (
            "targets:\n  production: { aliases: [champion] }\n",
            "",
            "1: the policy is empty: it has no targets, so it protects nothing",
        ),
        (
            "{ aliases: [champion] }",
            "{}",
            "4: targets.production: protects nothing; expected at least one of aliases, stages, models",
        ),
        (
            "{ aliases: [champion] }",
            "{ aliases: [] }",
            "4: targets.production: protects nothing; expected at least one of aliases, stages, models",
        ),
        (
            "{ aliases: [champion] }",
            "{ aliases: champion }",
            "4: targets.production.aliases: expected a list, found the text 'champion'",
        ),
        (
            "{ aliases: [champion] }",
            '{ aliases: ["@champion"] }',
            "4: targets.production.aliases: expected letters, digits, '_' and '-' (no '@'), found"
            " '@champion'",
        ),
        (
            "{ aliases: [champion] }",
            "{ stages: [Prodution] }",
            "4: targets.production.stages: unknown word 'Prodution'; did you mean 'Production'?"
            " expected one of Staging, Production, Archived",
        ),
        (
            "{ aliases: [champion] }",
            '{ models: ["a[bc]"] }',
            "4: targets.production.models: expected a name with '*' and '?' as wild cards, found 'a[bc]'",
        ),
        (
            "{ aliases: [champion] }",
            '{ models: ["a*"], for_models: ["b*"] }',
            "4: targets.production.for_models: limits nothing without aliases or stages",
        ),
        (
            "roles:\n",
            "  other: { aliases: [Champion] }\nroles:\n",
            "5: targets.other: claims the alias 'Champion', which target 'production' claims already",
        ),
        (
            "roles:\n",
            "  Production: { aliases: [other] }\nroles:\n",
            "5: targets.Production: the same name as 'production' on line 4",
        ),
        # roles
        (
            "{ users: [dora] }",
            "{}",
            "6: roles.dpo: expected users, groups or both; an empty list [] is allowed",
        ),
        (
            "{ users: [dora] }",
            "{ users: [no] }",
            "6: roles.dpo.users: expected text, found `no`, which YAML reads as true or false;"
            ' write "no" in quotes',
        ),
    ],
)
def test_each_mistake(mistakes: Mistakes, sound: str, old: str, new: str, expected: str) -> None:
    """Every kind of mistake outside the rules is named with its line, what was found and expected."""
    assert old in sound
    assert [f"p.yaml:{expected}"] == mistakes(sound.replace(old, new))
