"""`governance approve`: answer for a promotion."""

from __future__ import annotations

import click

from governance.cli.options import (
    actor_option,
    dossier_of,
    format_option,
    model_argument,
    open_house,
    write_json,
)


@click.command()
@model_argument
@click.option(
    "--for", "target", required=True, metavar="TARGET", help="The policy target it is approved for."
)
@click.option("--role", required=True, help="The role in which you answer, as the policy names it.")
@click.option("--reason", required=True, help="Why, in a sentence; it stands in every report.")
@click.option("--reject", is_flag=True, help="Say no instead; a rejection closes the target for these bytes.")
@click.option("--days", type=click.IntRange(1, 3650), help="Let the verdict lapse after so many days.")
@format_option
@actor_option
def approve(
    model: str,
    target: str,
    role: str,
    reason: str,
    reject: bool,
    days: int | None,
    form: str,
    actor: str | None,
) -> None:
    """Approve MODEL for TARGET, as somebody who holds ROLE and did not register it.

    The approval holds for exactly these bytes, this evidence, this label and this policy: when one of
    them changes it no longer counts.
    """
    from datetime import timedelta

    from governance.approving import give
    from governance.canonical import timestamp
    from governance.domain.approval import Verdict

    house = open_house(actor)
    subject, dossier = dossier_of(house, model)
    place, _ = house.policy.resolve(target, subject.named.name)
    asking = house.asking()
    with house.archive.writing() as books:
        approval = give(
            books,
            dossier,
            house.policy,
            place,
            role=role,
            by=asking.actor or "",
            verdict=Verdict.REJECTED if reject else Verdict.APPROVED,
            reason=reason,
            now=asking.at,
            expires_at=asking.at + timedelta(days=days) if days else None,
        )
    if form == "json":
        write_json(
            "approval",
            {
                "subject": {
                    "name": subject.named.name,
                    "version": subject.named.version,
                    "digest": dossier.digest,
                },
                "target": place.name,
                "role": role,
                "by": approval.by,
                "verdict": approval.verdict.value,
                "reason": approval.reason,
                "at": timestamp(approval.at),
                "approval": approval.digest,
            },
        )
    else:
        click.echo(
            f"{approval.by} {approval.verdict.value} {subject.named} for {place.name} as {role} "
            f"(bytes {dossier.digest[:12]}, approval {approval.digest[:12]})."
        )
