from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from governance.cli.policy import policy
from governance.errors import NotFound, PolicyInvalid
from governance.policy.parse import load

OURS = """\
schema: governance/policy/v1
name: ours
justification: agreed
targets:
  production: { aliases: [champion], stages: [Production] }
  released: { models: ["released-*"] }
roles:
  dpo: { users: [] }
rules:
  - name: known
    checks: [lineage-known]
  - name: health
    description: Health data need an approval.
    when: { special_categories: { any_of: [health] } }
    enforcement: warn
    checks: [approval: { role: dpo }]
"""

LABEL = """\
confidentiality: internal
identifiability: personal
special_categories: [financial]
"""


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """A small policy file."""
    file = tmp_path / "ours.yaml"
    file.write_text(OURS)
    return file


def run(*arguments: str | Path, env: dict[str, str] | None = None) -> Result:
    """Run the group; an error is raised as it is."""
    return CliRunner().invoke(policy, [str(a) for a in arguments], env=env, catch_exceptions=False)


def test_validate(ours: Path) -> None:
    """A sound policy is named with its digest; what it lacks is said on standard error."""
    result = run("validate", ours)

    assert (0, f"ours: no mistakes (2 targets, 2 rules)\ndigest {load(str(ours)).digest}\n") == (
        result.exit_code,
        result.stdout,
    )
    assert (
        f"warning: {ours}:12: rule health: 1 holding the role 'dpo' must approve, and nobody does;"
        " name people under roles in a policy that extends this one\n" == result.stderr
    )


def test_validate_json(ours: Path) -> None:
    """The same as JSON, warnings included."""
    body = json.loads(run("validate", ours, "--format", "json").stdout)

    assert ("governance/policy-validation/v1", load(str(ours)).digest, [12]) == (
        body["schema"],
        body["policy"]["digest"],
        [warning["line"] for warning in body["warnings"]],
    )


def test_validate_a_wrong_policy(ours: Path) -> None:
    """All mistakes go to whoever maps errors to exit codes."""
    ours.write_text(OURS.replace("lineage-known", "linage").replace("warn", "wran"))

    with pytest.raises(PolicyInvalid) as invalid:
        run("validate", ours)

    assert [11, 15] == [mistake.line for mistake in invalid.value.mistakes]


def test_show(ours: Path) -> None:
    """A policy is shown with its digest, its note on thresholds, places, people and checks."""
    expected = f"""\
policy ours, digest {load(str(ours)).digest}

policy threshold chosen by controller (ours): agreed

Targets
  production: @champion, stage Production
  released: models named released-*

Roles
  dpo: nobody

Rules
  known (deny): no description
    lineage-known
  health (warn): Health data need an approval.
    approval (role dpo, count 1, independent yes)
"""
    assert expected == run("show", ours).stdout


def test_show_json_is_the_resolved_document() -> None:
    """JSON holds the whole document, what it extends included."""
    body = json.loads(run("show", "health", "--format", "json").stdout)

    assert ("governance/policy-shown/v1", load("health").to_json()) == (body["schema"], body["document"])


@pytest.mark.parametrize(
    ("env", "expected"), [({"GOVERNANCE_POLICY": ""}, "baseline"), ({"GOVERNANCE_POLICY": "gdpr"}, "gdpr")]
)
def test_show_what_is_in_force(env: dict[str, str], expected: str) -> None:
    """Without a name, the policy in force is shown."""
    body = json.loads(run("show", "--format", "json", env=env).stdout)

    assert expected == body["policy"]["name"]


def test_show_nothing() -> None:
    """A policy that does not exist is the caller's mistake."""
    with pytest.raises(NotFound):
        run("show", "helth")


def test_try_a_label(ours: Path, tmp_path: Path) -> None:
    """Each rule says whether it looks at the label, and why not."""
    label = tmp_path / "label.yaml"
    label.write_text(LABEL)

    expected = """\
policy ours for target production
  known (deny): applies
    lineage-known
  health: does not apply: special_categories are financial, not any of health
"""
    assert expected == run("test", ours, "--label", label, "--for", "@champion").stdout


def test_try_a_label_that_no_rule_looks_at(ours: Path, tmp_path: Path) -> None:
    """That a promotion would be denied is said."""
    label = tmp_path / "label.yaml"
    label.write_text(LABEL)
    ours.write_text(OURS.replace("  - name: known\n    checks: [lineage-known]\n", ""))

    expected = """\
policy ours for target released
  health: does not apply: special_categories are financial, not any of health
  no rule looks at this label: a promotion would be denied
"""
    assert expected == run("test", ours, "--label", label, "--for", "released").stdout


def test_try_a_label_json(ours: Path, tmp_path: Path) -> None:
    """JSON tells of every rule; what the label file leaves out is unknown."""
    label = tmp_path / "label.yaml"
    label.write_text("{}")

    body = json.loads(run("test", ours, "--label", label, "--for", "production", "--format", "json").stdout)

    assert ("governance/policy-test/v1", "production", "restricted") == (
        body["schema"],
        body["target"],
        body["label"]["confidentiality"],
    )
    assert [
        {"name": "known", "enforcement": "deny", "applies": True, "unmet": [], "checks": ["lineage-known"]},
        {
            "name": "health",
            "enforcement": "warn",
            "applies": True,
            "unmet": [],
            "checks": [{"approval": {"role": "dpo", "count": 1, "independent": True}}],
        },
    ] == body["rules"]
