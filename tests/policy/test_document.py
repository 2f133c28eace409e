from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from governance.errors import NotFound, UsageError
from governance.policy.document import Policy
from governance.policy.parse import load, parse

TWO_PLACES = """
schema: governance/policy/v1
name: two
justification: agreed with the DPO
targets:
  care:
    aliases: [champion, care]
    stages: [Production]
    for_models: ["health-*"]
  sales:
    aliases: [champion]
    for_models: ["sales-*"]
  public:
    models: ["released-*"]
roles:
  dpo: { users: [dora] }
  reviewer: { users: [dora, pia] }
rules:
  - { name: known, checks: [lineage-known] }
"""


@pytest.fixture(scope="module")
def two() -> Policy:
    """A policy with two targets that share an alias."""
    return parse(TWO_PLACES, "two.yaml")


@pytest.mark.parametrize(
    ("model", "alias", "expected"),
    [
        ("health-a", "champion", "care"),
        ("Health-A", " CHAMPION", "care"),
        ("sales-a", "champion", "sales"),
        ("sales-a", "care", None),
        ("other", "champion", None),
        ("health-a", "challenger", None),
    ],
)
def test_target_for_alias(two: Policy, model: str, alias: str, expected: str | None) -> None:
    """An alias belongs to a target where the target speaks of the registered model."""
    target = two.target_for_alias(model, alias)

    assert expected == (target.name if target else None)


@pytest.mark.parametrize(
    ("model", "stage", "expected"),
    [("health-a", "production", "care"), ("sales-a", "Production", None), ("health-a", "Staging", None)],
)
def test_target_for_stage(two: Policy, model: str, stage: str, expected: str | None) -> None:
    """The same holds for stages, in any spelling."""
    target = two.target_for_stage(model, stage)

    assert expected == (target.name if target else None)


@pytest.mark.parametrize(
    ("model", "expected"), [("released-a", "public"), ("RELEASED-a", "public"), ("health-a", None)]
)
def test_target_for_model(two: Policy, model: str, expected: str | None) -> None:
    """Creating a version in a protected registered model enters its target."""
    target = two.target_for_model(model)

    assert expected == (target.name if target else None)


@pytest.mark.parametrize(
    ("policy", "word", "expected"),
    [
        ("baseline", "production", ("production", "champion")),
        ("baseline", "@production", ("production", "production")),
        ("baseline", "champion", ("production", "champion")),
        ("baseline", "@Champion", ("production", "champion")),
        ("baseline", "released", ("released", None)),
    ],
)
def test_resolve(policy: str, word: str, expected: tuple[str, str | None]) -> None:
    """A target's name means its first alias, an alias itself; `@` always means the alias."""
    target, alias = load(policy).resolve(word)

    assert expected == (target.name, alias)


def test_resolve_by_model(two: Policy) -> None:
    """The registered model tells which target a shared alias means; without one it is refused."""
    with pytest.raises(UsageError) as refused:
        two.resolve("champion")

    assert ("care", "sales") == (
        two.resolve("champion", "health-a")[0].name,
        two.resolve("champion", "sales-a")[0].name,
    )
    expected = (
        "'champion' is an alias of several targets of policy 'two': care, sales.\nName the target instead."
    )
    assert expected == str(refused.value)


@pytest.mark.parametrize("word", ["staging", "@released"])
def test_resolve_nothing(word: str) -> None:
    """A word that is neither is answered with all there are."""
    with pytest.raises(NotFound) as missing:
        load("baseline").resolve(word)

    expected = (
        f"Policy 'baseline' has no target and no protected alias {word!r};"
        " it has production, released, @champion, @production.\n"
        "Choose one of them, or add the target to the policy."
    )
    assert expected == str(missing.value)


def test_target(two: Policy) -> None:
    """A target is found in any spelling; a missing one is answered with all there are."""
    with pytest.raises(NotFound) as missing:
        two.target("staging")

    assert "care" == two.target("Care").name
    assert "Policy 'two' has no target 'staging'; it has care, sales, public." == missing.value.message


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("champion", None),
        ("Champion", None),
        ("сhampion", "champion"),  # Cyrillic с
        ("champi0n", "champion"),
        ("Pr0duction", "Production"),
        ("relеased-a", "released-*"),  # Cyrillic е
        ("hea1th-a", "health-*"),
        ("health-a", None),
        ("challenger", None),
    ],
)
def test_lookalike(two: Policy, name: str, expected: str | None) -> None:
    """Aliases, stages and model names that imitate a protected one are known by what they imitate."""
    assert expected == two.lookalike(name)


@pytest.mark.parametrize(
    ("user", "expected"),
    [("dora", {"dpo", "reviewer"}), ("pia", {"reviewer"}), ("Dora", set()), ("eve", set())],
)
def test_roles_of(two: Policy, user: str, expected: set[str]) -> None:
    """Roles go by exact spelling: an account that merely reads alike holds nothing."""
    assert expected == two.roles_of(user)


def test_digest_is_of_the_meaning(two: Policy) -> None:
    """Comments and lay-out do not change the digest; a threshold, a person or a base does."""
    commented = parse("# a comment\n" + TWO_PLACES.replace("[dora, pia]", "[ dora,   pia ]"), "other.yaml")
    staffed = parse(TWO_PLACES.replace("[dora, pia]", "[dora, pia, eve]"), "two.yaml")

    assert two.digest == commented.digest
    assert two.digest != staffed.digest != replace(two, justification="another").digest


def test_digest_includes_what_is_extended(tmp_path: Path) -> None:
    """A change in the extended policy is a change of the policy."""
    child = "schema: governance/policy/v1\nname: child\nextends: two.yaml\n"
    file = tmp_path / "child.yaml"
    file.with_name("two.yaml").write_text(TWO_PLACES)
    before = parse(child, str(file)).digest
    file.with_name("two.yaml").write_text(TWO_PLACES.replace("lineage-known", "actor-known"))

    assert before != parse(child, str(file)).digest


@pytest.mark.parametrize("name", ["baseline", "gdpr", "health"])
def test_the_archived_text_is_the_policy(name: str) -> None:
    """The archive's text needs no other file and gives the same digest."""
    policy = load(name)

    assert policy.digest == parse(policy.text, "archived.yaml").digest


def test_threshold_note(two: Policy) -> None:
    """Every threshold is said to be the controller's choice, with the reason that was given."""
    assert "policy threshold chosen by controller (two): agreed with the DPO" == two.threshold_note
