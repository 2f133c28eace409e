"""The first page: what a reader without any training in privacy or statistics needs to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from governance.domain.label import HIGHLY_PERSONAL, Identifiability, Label
from governance.reports.guarantees import alone
from governance.reports.tolerant import Json
from governance.reports.wording import number, percent

TREATED = (
    "The model is treated as personal data itself: information about the people in the training data "
    "can be absorbed in its parameters (EDPB Opinion 28/2024, ¶31 and ¶34)."
)
NOT_PERSONAL = "According to its label the training data is about no person."


def first_page(report: Mapping[str, Json], label: Label) -> Json:
    """What it does, whose data it is, what could go wrong, what was decided, and what was not tested."""
    return {
        "does": _does(report["judgements"]["asked"]),
        "whose": _whose(report["lineage"], label),
        "risks": _risks(report["privacy"], label),
        "decided": _decided(report["decision"], report["approvals"]["given"]),
        "not_tested": _not_tested(report["privacy"]),
    }


def _does(asked: Sequence[Json]) -> str:
    stated = [row["recorded"] for row in asked if row["field"] == "purpose" and row["recorded"]]
    return str(stated[0]["text"]) if stated else "Nobody has stated what this model does."


def _words(values: frozenset[str]) -> str:
    listed = [value.replace("_", " ").replace("hipaa id:", "HIPAA identifier ") for value in sorted(values)]
    return " and ".join([", ".join(listed[:-1]), listed[-1]] if len(listed) > 1 else listed)


def _whose(lineage: Json, label: Label) -> list[str]:
    if label.identifiability is Identifiability.NON_PERSONAL:
        return [NOT_PERSONAL]
    found = [TREATED]
    if "*" in label.subject_categories:
        found.append("Whose data it is cannot be told: part of the training data is unknown.")
    elif label.subject_categories:
        found.append(f"Groups of people in the training data: {_words(label.subject_categories)}.")
    else:
        found.append("Nobody recorded which groups of people the training data is about.")
    found += [_counted(row) for row in lineage["datasets"]]
    if "*" in label.special_categories:
        found.append("It must be assumed to reveal every special category of data, because part is unknown.")
    elif label.special_categories:
        revealed = _words(label.special_categories)
        found.append(f"It reveals specially protected or highly personal facts: {revealed}.")
    return list(dict.fromkeys(found))


def _counted(row: Json) -> str:
    if not row["catalogued"]:
        return f"{row['name']}: nobody catalogued it, so the number of people in it is not known."
    people = "an unknown number of people" if row["n_subjects"] is None else f"{row['n_subjects']:,} people"
    return f"{row['name']}: {row['n_records']:,} records about {people}."


def _risks(privacy: Json, label: Label) -> list[str]:
    if label.identifiability is Identifiability.NON_PERSONAL:
        return ["Nothing for any person, as long as the label is right."]
    found = ["Somebody who can use the model could find out that a person's record was used to train it."]
    revealing = label.special_categories - {"*"}
    if revealing:
        kind = "a highly personal fact" if revealing <= HIGHLY_PERSONAL else "a specially protected fact"
        found.append(f"That alone can reveal {kind} about the person ({_words(revealing)}).")
    found.append("Parts of a record could be guessed or rebuilt from the model's answers or its parameters.")
    if "*" in label.subject_categories:
        found.append("It must be assumed that some of the people cannot easily object.")
    elif label.vulnerable:
        found.append("Some of the people belong to a group that cannot easily object.")
    found += _measured(privacy["membership"])
    found += _otherwise(privacy["attacks"])
    found.append(_ceiling(privacy["dp"]))
    return found


def _measured(measurements: Sequence[Json]) -> list[str]:
    counted = [m for m in measurements if not m["expired"]]
    points = [p for p in (counted[0]["tpr_at_fpr"] if counted else []) if p["fpr"] and p["tpr"] is not None]
    if not points:
        return ["How well such an attack works on this model is not known: no valid test is on record."]
    resolved = [p for p in points if p["resolved"]]
    if not resolved:
        return ["A test was run, but on too few records to say how well an attack works."]
    point = min(resolved, key=lambda p: float(p["fpr"]))
    high = (
        f", at most {percent(point['high'])} by its confidence interval" if point["high"] is not None else ""
    )
    return [
        f"In the newest test an attacker who wrongly accuses {_one_in(point['fpr'])} outsiders recognised "
        f"{percent(point['tpr'])} of the training records{high}. "
        f"Guessing would recognise {percent(point['fpr'])}."
    ]


def _otherwise(attacks: Sequence[Json]) -> list[str]:
    """What attacks of other classes showed, as long as it counts."""
    shown = [a for a in attacks if not a["expired"] and a["verdict"] == "leak shown"]
    return [
        f"A test of {a['title'].lower()} showed a leak: {a['measure'] or a['plain']}"
        f"{' (' + a['about'] + ')' if a['about'] else ''}, {number(a['estimate']['point'])}; "
        f"{number(a['null'])} if the model told nothing."
        for a in shown
    ]


def _one_in(rate: float) -> str:
    return f"1 in {round(1 / rate):,}"


def _ceiling(statements: Sequence[Json]) -> str:
    if not any(s["guarantee"]["known"] and not s["expired"] for s in statements):
        return "No mathematical limit on such attacks is on record: no differential privacy to rely on."
    newest = alone(statements)
    if newest is None:
        return "Several differentially private trainings are on record; none of them alone limits an attack."
    limit = ""
    if ceilings := newest["guarantee"]["tpr_at_fpr"]:
        least = min(ceilings, key=lambda ceiling: float(ceiling["fpr"]))
        limit = (
            f": one that wrongly accuses {_one_in(least['fpr'])} outsiders "
            f"recognises at most {percent(least['tpr'])}"
        )
    whom = "" if newest["unit_is_data_subject"] else f", for each {newest['unit']} and not for each person"
    outside = f" It does not cover: {', '.join(newest['uncovered'])}." if newest["uncovered"] else ""
    return f"Differential privacy limits what a membership attack can reach{limit}{whom}.{outside}"


def _decided(decision: Json, approvals: Sequence[Json]) -> list[str]:
    verb = {"allowed": "Allowed", "denied": "Denied", "undecided": "No answer could be reached"}
    counts = decision["counts"]
    failing = sum(counts.get(status, 0) for status in ("failed", "missing", "undecided"))
    total = sum(counts.values())
    let_pass = sum(counts.get(status, 0) for status in ("waived", "overridden"))
    outcome = "no check was made."
    if failing:
        outcome = f"{failing} of {total} checks failed, lacked evidence or could not be made."
    elif total:
        other = "none of the others" if let_pass else f"none of {total} checks"
        outcome = f"{other} stood against it."
    if let_pass:
        were = "was" if let_pass == 1 else "were"
        outcome = f"{let_pass} of {total} checks did not pass and {were} let pass by exception; {outcome}"
    found = [
        f"{verb[decision['outcome']]}: {decision['change']} (target {decision['target']}), "
        f"asked for by {decision['actor']}.",
        f"The answer follows from policy {decision['policy']['name']}, "
        f"whose bounds the controller chose: {outcome}",
    ]
    standing = [a for a in approvals if a["stands"]]
    found += [f"{a['verdict'].capitalize()} by {a['by']} as {a['role']}: {a['reason']}" for a in standing]
    return found if standing else [*found, "No person's approval rests on the present state of the model."]


def _not_tested(privacy: Json) -> list[str]:
    missing = [row for row in privacy["coverage"] if row["status"] != "run"]
    found = [f"{row['title']} ({row['plain']}): {row['reason']}" for row in missing if row["reason"]]
    for status, words in (("expired", "The last test is out of date"), ("not run", "Nobody recorded why")):
        titles = [row["title"].lower() for row in missing if row["status"] == status and not row["reason"]]
        found += [f"{words}: {', '.join(titles)}."] if titles else []
    return found
