"""The command `governance`, and the one table of its exit codes."""

from __future__ import annotations

import os
import sys
from enum import IntEnum

import click

from governance.cli.approve import approve, reject
from governance.cli.assess import assess
from governance.cli.assess_text import assess_text
from governance.cli.audit import audit
from governance.cli.canaries import canaries
from governance.cli.check import check
from governance.cli.dataset import dataset
from governance.cli.db import db
from governance.cli.demo import demo
from governance.cli.doctor import doctor
from governance.cli.exceptions import break_glass, waive
from governance.cli.key import key
from governance.cli.label import label
from governance.cli.options import printable
from governance.cli.policy import policy
from governance.cli.promote import promote
from governance.cli.reconcile import reconcile
from governance.cli.report import report
from governance.cli.reviews import request, revoke
from governance.errors import Forbidden, GovernanceError, UsageError


class ExitCode(IntEnum):
    """What the shell is told."""

    DONE = 0
    """Allowed, or done."""
    DENIED = 1
    """The answer is no, or something was found."""
    USAGE = 2
    """The command was called wrongly; nothing was changed."""
    UNDECIDED = 3
    """No answer could be reached; nothing was changed."""


_CODES = {UsageError: ExitCode.USAGE, Forbidden: ExitCode.DENIED}


@click.group(
    epilog="Exit codes: 0 allowed or done, 1 denied or found, 2 wrong usage, 3 could not decide.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="mlflow-governance", prog_name="governance")
def cli() -> None:
    """Govern machine-learning models as personal data.

    A model inherits the sensitivity of the data it was trained on, and is promoted only on evidence
    about its very bytes. Results go to standard output, everything else to standard error.

    MODEL is `models:/name/3`, `models:/name@alias` or `models:/m-…`. Where the registry is comes from
    MLFLOW_TRACKING_URI and MLFLOW_REGISTRY_URI (`governed+sqlite:///mlflow.db`), the policy from
    GOVERNANCE_POLICY. Start with `governance demo`.
    """


for command in (
    demo,
    doctor,
    dataset,
    label,
    assess,
    assess_text,
    canaries,
    check,
    promote,
    request,
    approve,
    reject,
    revoke,
    waive,
    break_glass,
    report,
    reconcile,
    audit,
    key,
    policy,
    db,
):
    cli.add_command(command)


def main() -> None:
    """Run the command line and leave with one of the exit codes."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; every failure becomes a sentence on standard error and a code, no traceback."""
    try:
        result = cli.main(arguments, prog_name="governance", standalone_mode=False)
        return result if isinstance(result, int) else ExitCode.DONE
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else ExitCode.UNDECIDED
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE
    except click.Abort:
        click.echo("Interrupted. What was recorded stays; run the command again to continue.", err=True)
        return ExitCode.UNDECIDED
    except GovernanceError as error:
        # Each line by itself: a policy's mistakes stand one below the other.
        click.echo("\n".join(map(printable, f"Error: {error}".splitlines())), err=True)
        return next((code for kind, code in _CODES.items() if isinstance(error, kind)), ExitCode.UNDECIDED)
    except Exception as error:
        if os.environ.get("GOVERNANCE_DEBUG"):
            raise
        click.echo(
            f"Error: could not decide: {type(error).__name__}: {printable(str(error))}\n"
            "Run it again with GOVERNANCE_DEBUG=1 to see where, and `governance doctor` to see the state.",
            err=True,
        )
        return ExitCode.UNDECIDED
