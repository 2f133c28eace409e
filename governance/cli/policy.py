"""`governance policy`: is a policy sound, what does it say, and what would it ask of a label?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from governance.cli.options import format_option, talk, write_json

if TYPE_CHECKING:
    from governance.policy.document import Policy
    from governance.policy.evaluate import RuleReading


@click.group()
def policy() -> None:
    """Check, show and try policies: what must be shown before a version is promoted."""


@policy.command()
@click.argument("file", metavar="FILE")
@format_option
def validate(file: str, form: str) -> None:
    """Check FILE, or a shipped policy by its name, and name every mistake in it at once."""
    from governance.policy.parse import load

    found = load(file)
    if form == "json":
        warnings = [{"file": w.file, "line": w.line, "message": w.message} for w in found.warnings]
        write_json("policy-validation", _identity(found) | {"warnings": warnings})
        return
    click.echo(f"{found.name}: no mistakes ({len(found.targets)} targets, {len(found.rules)} rules)")
    click.echo(f"digest {found.digest}")
    for warning in found.warnings:
        talk(f"warning: {warning}")


@policy.command()
@click.argument("source", metavar="[NAME|FILE]", default="baseline", envvar="GOVERNANCE_POLICY")
@format_option
def show(source: str, form: str) -> None:
    """Show a policy with everything it extends. Default: the policy in force, GOVERNANCE_POLICY."""
    from governance.policy.parse import load

    found = load(source)
    if form == "json":
        write_json("policy-shown", _identity(found) | {"document": found.to_json()})
        return
    lines = [
        f"policy {found.name}, digest {found.digest}",
        found.description,
        found.threshold_note,
        "",
        "Targets",
    ]
    for target in found.targets.values():
        places = [f"@{alias}" for alias in target.aliases]
        places += [f"stage {stage}" for stage in target.stages]
        places += [f"models named {pattern}" for pattern in target.models]
        lines.append(f"  {target.name}: {', '.join(places)}")
    lines += ["", "Roles"]
    for role in found.roles.values():
        who = [*role.users, *(f"group {group}" for group in role.groups)]
        lines.append(f"  {role.name}: {', '.join(who) or 'nobody'}")
    lines += ["", "Rules"]
    for rule in found.rules:
        lines.append(f"  {rule.name} ({rule.enforcement.value}): {rule.description or 'no description'}")
        lines += [f"    {use}" for use in rule.checks]
    click.echo("\n".join([*lines, *_exceptions(found), *_bytes(found)]))


def _exceptions(found: Policy) -> list[str]:
    """Whose signature counts, and who may let something past a check."""
    lines = [f"  evidence: by {' or '.join(found.evidence_signed_by)}"] if found.evidence_signed_by else []
    lines += ["  approvals: by the person's own key"] if found.approvals_signed else []
    lines = ["", "Signatures", *lines] if lines else []
    if found.waivers or found.break_glass:
        lines += ["", "Exceptions"]
    for waiver in found.waivers.values():
        people = (
            f"{' and '.join(waiver.roles)}, {waiver.count} different people, up to {waiver.max_days} days"
        )
        lines.append(f"  waiver of {waiver.check}: {people}")
    if found.break_glass:
        roles, hours = " or ".join(found.break_glass.roles), found.break_glass.max_hours
        lines.append(f"  break-glass: {roles}, up to {hours} hours")
    return lines


def _bytes(found: Policy) -> list[str]:
    """Who may do what with a version, and where its bytes may lie."""
    lines = ["", "Access"] if found.access else []
    for rule in found.access:
        actions = ", ".join(action.value for action in rule.actions)
        purposes = f" for {' or '.join(rule.purposes)}" if rule.purposes else ""
        lines.append(f"  {rule.name} ({actions}): {' or '.join(rule.roles) or 'nobody'}{purposes}")
    places = [f"  registry: {found.regions.registry}"] if found.regions.registry else []
    places += [f"  {pattern}: {region}" for pattern, region in found.regions.artifacts]
    return [*lines, "", "Regions", *places] if places else lines


@policy.command()
@click.argument("source", metavar="NAME|FILE")
@click.option(
    "--label",
    "label_file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML file with the label; a dimension left out is unknown.",
)
@click.option(
    "--for", "word", required=True, metavar="TARGET", help="A policy target, or an alias it protects."
)
@format_option
def test(source: str, label_file: Path, word: str, form: str) -> None:
    """Show which rules and checks of a policy would apply to a label on its way to TARGET."""
    from governance.domain.label import to_json
    from governance.policy.evaluate import readings
    from governance.policy.label_file import label_from_yaml
    from governance.policy.parse import load

    found = load(source)
    target, _ = found.resolve(word)
    label = label_from_yaml(label_file.read_text(encoding="utf-8"), str(label_file))
    read = readings(found, target, label)
    if form == "json":
        body = {"target": target.name, "label": to_json(label), "rules": [_reading(r) for r in read]}
        write_json("policy-test", _identity(found) | body)
        return
    click.echo(f"policy {found.name} for target {target.name}")
    for reading in read:
        if reading.applies:
            click.echo(f"  {reading.rule.name} ({reading.rule.enforcement.value}): applies")
            click.echo("\n".join(f"    {use}" for use in reading.rule.checks))
        else:
            click.echo(f"  {reading.rule.name}: does not apply: {'; '.join(reading.unmet)}")
    if not any(reading.applies for reading in read):
        click.echo("  no rule looks at this label: a promotion would be denied")


def _identity(found: Policy) -> dict[str, object]:
    return {"policy": {"name": found.name, "digest": found.digest}}


def _reading(reading: RuleReading) -> dict[str, object]:
    return {
        "name": reading.rule.name,
        "enforcement": reading.rule.enforcement.value,
        "applies": reading.applies,
        "unmet": list(reading.unmet),
        "checks": [use.to_json() for use in reading.rule.checks],
    }
