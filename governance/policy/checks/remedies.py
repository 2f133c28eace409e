"""The commands and deeds that supply what a check misses."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from governance.policy.checks.interface import Case

NEW_VERSION = "and register the new version."


def ask_again(case: Case) -> str:
    """Ask what the gate would answer."""
    return f"governance check {shlex.quote(case.version)} --for {shlex.quote(case.target.name)}"


def assess(case: Case) -> str:
    """Measure the leakage of a version."""
    records = "--members FILE --non-members FILE --target COLUMN"
    return _signing(case, f"governance assess {shlex.quote(case.version)} {records}")


def _signing(case: Case, command: str) -> str:
    if not case.signers:
        return command
    return f"Set GOVERNANCE_SIGNING_KEY to a key of {case.signers}, then: {command}"


def attack(case: Case, name: str) -> str:
    """Try one class of attack on a version."""
    if name == "memorisation":
        return _signing(case, f"governance assess-text {shlex.quote(case.version)} --canaries FILE")
    more = {"attribute-inference": " --sensitive COLUMN", "property-inference": " --group COLUMN=VALUE"}
    return f"{assess(case)} --attack {name}{more.get(name, '')}"


def harden(name: str) -> str:
    """What withstands a class of attack better."""
    if name == "reconstruction":
        return f"Train again with a kind of model that stores no records {NEW_VERSION}"
    if name == "extraction":
        return f"Train again with answers that tell less, such as labels alone, {NEW_VERSION}"
    return f"Train again with less over-fitting or with differential privacy {NEW_VERSION}"


def sign(case: Case) -> str:
    """Have evidence recorded again, signed."""
    return f"Have the evidence recorded again where GOVERNANCE_SIGNING_KEY names a key of {case.signers}."


def approve(case: Case, role: str) -> str:
    """Approve a promotion in a role."""
    version, target, role = map(shlex.quote, (case.version, case.target.name, role))
    return f'governance approve {version} --for {target} --role {role} --reason "…"'


def catalogue(name: str) -> str:
    """Put a dataset into the catalogue."""
    return f"governance dataset add {shlex.quote(name)} DATA --label LABEL.yaml"


def relabel(case: Case, names: Iterable[str]) -> str:
    """Correct the labels of datasets, or do without them."""
    names = list(names)
    if not names:
        return show_label(case)
    commands = "; ".join(
        f'governance dataset relabel {shlex.quote(name)} --label LABEL.yaml --reason "…"' for name in names
    )
    without = f"train again without {', '.join(names)} {NEW_VERSION}"
    return f"If a label is out of date: {commands}. Otherwise {without}"


def show_label(case: Case) -> str:
    """Show what a version inherits, and from where."""
    return f"governance label {shlex.quote(case.version)}"


def show_dataset(name: str) -> str:
    """Show a dataset with its budget and every charge to it."""
    return f"governance dataset show {shlex.quote(name)}"


def grant(name: str) -> str:
    """Catalogue a dataset with a privacy budget."""
    return f"{catalogue(name)} --epsilon EPSILON --delta DELTA --unit UNIT"
