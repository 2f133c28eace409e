"""Checks on differential privacy: the guarantee of the training, its unit, and the datasets' budgets."""

from __future__ import annotations

from collections.abc import Iterable

from governance.domain.decision import Finding, Status
from governance.domain.dossier import Protection, Unknown
from governance.domain.label import EVERYTHING
from governance.domain.mechanism import Sampling
from governance.policy.checks import remedies
from governance.policy.checks.interface import CHOSEN, PERSONAL, Case
from governance.policy.checks.origin import dataset_name

UNKNOWN_DATA = "unknown data"


def personal_datasets(case: Case) -> tuple[str, ...]:
    """Names of the personal datasets that went in, sorted; what nobody could name is among them."""
    names = set()
    for part in case.dossier.inheritance.contributions:
        if part.label.identifiability >= PERSONAL:
            if part.unknown:
                names.add(UNKNOWN_DATA)
            else:
                names |= set(map(dataset_name, part.label.provenance or {part.source}))
    if case.label.provenance >= EVERYTHING:
        names.add(UNKNOWN_DATA)
    return tuple(sorted(names))


def dp_epsilon(case: Case, max: float, delta_max: float) -> tuple[Finding, ...]:
    """Every personal dataset is covered by DP trainings of these bytes whose ε and δ add up to little enough.

    A training counts only if its batches were drawn by Poisson sampling, which amplification by
    sampling presupposes (Abadi et al. 2016, arXiv:1607.00133, Theorem 1), and if its δ is below one in
    the number of units. Several trainings on one dataset add up (Dwork & Roth 2014, Theorem 3.16).
    """
    required = f"ε at most {max:g} at δ at most {delta_max:g} {CHOSEN}"
    names = personal_datasets(case)
    if not names:
        reason = "no personal data went in, so there is nobody to protect"
        return (Finding("dp-epsilon", Status.PASSED, "no personal dataset", required, reason),)
    inherited = _inherited(case)
    return tuple(
        _from_parent(name, required)
        if name in inherited
        else _guaranteed(case, name, required, max, delta_max)
        for name in names
    )


def _from_parent(name: str, required: str) -> Finding:
    return Finding(
        "dp-epsilon",
        Status.MISSING,
        f"{name}: came in through a parent model",
        required,
        "a DP training of these bytes says nothing about what the parent model had learnt before",
        f"Train again from a parent without personal data {remedies.NEW_VERSION}",
    )


def _inherited(case: Case) -> frozenset[str]:
    """Personal datasets that a parent brought in, whether or not this training read them too."""
    return frozenset(
        dataset_name(identity)
        for part in case.dossier.inheritance.contributions
        if part.via and part.label.identifiability >= PERSONAL
        for identity in part.label.provenance or {part.source}
    )


def _covering(case: Case, name: str) -> tuple[Protection, ...]:
    """The unexpired DP trainings over a dataset; the same training recorded twice is one."""
    if name == UNKNOWN_DATA:
        # Nobody can train over what nobody can name, whatever a record calls its datasets.
        return ()
    valid = {e.digest for e in case.dossier.evidence if e.expires_at is None or case.asking.at < e.expires_at}
    covering = {
        (p.training.key, repr(p.training)): p
        # Of two records of one training the signed one comes last, and stays.
        for p in sorted(case.dossier.protections, key=lambda p: p.evidence_digest not in case.unsigned)
        if p.evidence_digest in valid and name in map(dataset_name, p.training.datasets)
    }
    return tuple(covering.values())


def _unsigned(case: Case, covering: Iterable[Protection]) -> str:
    """Why the trainings over a dataset show nothing for want of signatures; empty if they do.

    One that is not signed cannot be left out: trainings add up, and without it the sum would be too small.
    """
    unsigned = sum(p.evidence_digest in case.unsigned for p in covering)
    return f"{unsigned} DP training{'s' * (unsigned > 1)} not signed by {case.signers}" if unsigned else ""


def _train(case: Case, name: str, how: str = "") -> str:
    if name == UNKNOWN_DATA:
        return remedies.show_label(case)
    return f"Train again with differential privacy over {name}{how} {remedies.NEW_VERSION}"


def _guaranteed(case: Case, name: str, required: str, bound: float, delta_bound: float) -> Finding:
    covering = _covering(case, name)
    remedy = _train(case, name)
    if not covering:
        observed = f"{name}: no DP training covers it"
        reason = f"no evidence about these bytes records a DP training over {name}"
        return Finding("dp-epsilon", Status.MISSING, observed, required, reason, remedy)
    observed = f"{name}: {'; '.join(map(_told, covering))}"
    if unsigned := _unsigned(case, covering):
        remedy = remedies.sign(case)
        return Finding("dp-epsilon", Status.MISSING, observed, required, f"not counted: {unsigned}", remedy)
    if flaws := [flaw for protection in covering if (flaw := _flaw(protection))]:
        return Finding("dp-epsilon", Status.FAILED, observed, required, "; ".join(flaws), remedy)
    known = [p.guarantee for p in covering if not isinstance(p.guarantee, Unknown)]
    if len(known) < len(covering):
        reason = "; ".join(p.guarantee.reason for p in covering if isinstance(p.guarantee, Unknown))
        return Finding("dp-epsilon", Status.MISSING, observed, required, f"ε is unknown: {reason}", remedy)
    epsilon, delta = sum(g.epsilon for g in known), sum(g.delta for g in known)
    together = f"ε {epsilon:.6g} and δ {delta:.6g}{' together' if len(known) > 1 else ''}"
    # Written so that NaN breaks the bound.
    if epsilon <= bound and delta <= delta_bound:
        return Finding("dp-epsilon", Status.PASSED, observed, required, f"{together} keep the bound")
    return Finding("dp-epsilon", Status.FAILED, observed, required, f"{together} break the bound", remedy)


def _told(protection: Protection) -> str:
    training, guarantee = protection.training, protection.guarantee
    unit = f"per {training.unit}"
    if not training.unit_is_data_subject:
        unit += ", which is not one data subject: ε per person is larger"
    if isinstance(guarantee, Unknown):
        return f"ε unknown {unit}"
    return f"ε {guarantee.epsilon:.6g} at δ {guarantee.delta:.6g} {unit} ({guarantee.accountant})"


def _flaw(protection: Protection) -> str:
    """Why a training guarantees less than its numbers say, if so."""
    training = protection.training
    flaws = []
    if training.sampling is not Sampling.POISSON:
        flaws.append(
            f"batches were {training.sampling.value}, and amplification by sampling holds for Poisson only"
        )
    if not training.delta * training.n_units < 1:
        flaws.append(
            f"δ {training.delta:.6g} is not below 1/{training.n_units}:"
            f" giving away one whole {training.unit} would be allowed"
        )
    return "; ".join(flaws)


def dp_unit(case: Case, data_subject: bool) -> tuple[Finding, ...]:
    """The unit of privacy of every DP training is one data subject, not one record of possibly many."""
    required = "unit of privacy is the data subject" if data_subject else "unit of privacy is stated"
    names = personal_datasets(case)
    if not names:
        reason = "no personal data went in, so there is nobody to protect"
        return (Finding("dp-unit", Status.PASSED, "no personal dataset", required, reason),)
    return tuple(_unit(case, name, required, data_subject) for name in names)


def _unit(case: Case, name: str, required: str, data_subject: bool) -> Finding:
    covering = _covering(case, name)
    remedy = _train(case, name, ", with one data subject as the unit of privacy,")
    if not covering:
        reason = f"no evidence about these bytes records a DP training over {name}"
        observed = f"{name}: no DP training covers it"
        return Finding("dp-unit", Status.MISSING, observed, required, reason, remedy)
    observed = f"{name}: per {', '.join(sorted({p.training.unit for p in covering}))}"
    if unsigned := _unsigned(case, covering):
        remedy = remedies.sign(case)
        return Finding("dp-unit", Status.MISSING, observed, required, f"not counted: {unsigned}", remedy)
    coarse = sorted({p.training.unit for p in covering if not p.training.unit_is_data_subject})
    if data_subject and coarse:
        most = _most_records(covering)
        reason = f"one person may have several units ({', '.join(coarse)}){most}: ε per person is larger"
        return Finding("dp-unit", Status.FAILED, observed, required, reason, remedy)
    reason = "ε speaks of all that one person contributed" if not coarse else "the unit of privacy is stated"
    return Finding("dp-unit", Status.PASSED, observed, required, reason)


def _most_records(covering: Iterable[Protection]) -> str:
    most = [p.training.max_records_per_subject for p in covering]
    known = [m for m in most if m is not None]
    return f", up to {sorted(known)[-1]}" if known and len(known) == len(most) else ""


def dp_budget(case: Case, required: bool) -> tuple[Finding, ...]:
    """No dataset's privacy budget is overdrawn; if `required`, every personal dataset has a budget."""
    findings = []
    for account in sorted(case.dossier.accounts, key=lambda account: account.dataset):
        limits = f"ε at most {account.limit_epsilon:g} at δ {account.limit_delta:g}"
        wanted = f"{account.dataset}: {limits} {CHOSEN}"
        observed = f"{account.dataset}: ε {account.spent_epsilon:.6g} spent per {account.unit}"
        if account.overdrawn:
            reason = f"more was spent on {account.dataset} than was granted; what is spent never comes back"
            remedy = remedies.show_dataset(account.dataset)
            findings.append(Finding("dp-budget", Status.FAILED, observed, wanted, reason, remedy))
        else:
            reason = "all trainings on it together keep its budget"
            findings.append(Finding("dp-budget", Status.PASSED, observed, wanted, reason))
    granted = {account.dataset for account in case.dossier.accounts}
    for name in personal_datasets(case) if required else ():
        if name not in granted:
            reason = "without a budget nothing bounds what all trainings on it together give away"
            remedy = remedies.show_label(case) if name == UNKNOWN_DATA else remedies.grant(name)
            wanted = f"{name}: a privacy budget"
            findings.append(Finding("dp-budget", Status.MISSING, f"{name}: none", wanted, reason, remedy))
    if not findings:
        reason = "no dataset that went in has a budget"
        findings.append(Finding("dp-budget", Status.PASSED, "no budget", "no budget overdrawn", reason))
    return tuple(findings)
