"""Request, approve, reject, revoke, waive, break the glass: on a real registry, as a shell sees it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from governance import signing
from governance.cli.main import run
from governance.domain.review import Waiver
from governance.domain.signature import ED25519
from governance.storage.archive import open_archive

pytestmark = pytest.mark.slow

POLICY = """\
schema: governance/policy/v1
name: clinic
targets:
  production: {{ aliases: [champion] }}
roles:
  dpo: {{ users: [dora, dirk] }}
  boss: {{ users: [bess] }}
rules:
  - name: everything
    checks: [actor-known, lineage-known, approval: {{ role: dpo }}]
waivers:
  lineage-known: {{ roles: [dpo], max_days: 30 }}
break_glass: {{ roles: [boss], max_hours: 24 }}
{more}
"""


class Answer(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


class Clinic:
    """A registry with one version, `models:/risk/1`, that ada registered and whose lineage nobody knows."""

    MODEL = "models:/risk/1"

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capfd = capfd

    def __call__(self, line: str, *more: str) -> Answer:
        """Calls `governance …` with these words; `MODEL` is the version on its way to production."""
        words = line.replace("MODEL", f"{self.MODEL} --for production").split()
        code = run([*words, *more])
        out, err = self._capfd.readouterr()
        assert "Traceback" not in err
        return Answer(int(code), out, err)

    def json(self, line: str, *more: str) -> dict[str, Any]:
        """The same, for what it prints as JSON."""
        answer = self(line, *more, "--format", "json")
        assert 0 == answer.code, answer.err
        found: dict[str, Any] = json.loads(answer.out)
        return found

    def statuses(self, actor: str = "mary") -> dict[str, str]:
        """How each check would end if somebody asked now."""
        found = json.loads(self(f"check MODEL --as {actor} --format json").out)
        return {finding["check"]: finding["status"] for finding in found["findings"]}

    def policy(self, more: str = "") -> None:
        """Puts the policy in force, with more in it."""
        (self.folder / "policy.yaml").write_text(POLICY.format(more=more))

    def events(self) -> list[tuple[str, str]]:
        """Type and actor of what was logged, the registration left out."""
        archive = open_archive(f"sqlite:///{self.folder / 'mlflow.db'}")
        with archive.reading() as books:
            return [(e.type, e.actor) for e in books.audit.entries() if not e.type.startswith("version:")]

    def records(self) -> tuple[Any, ...]:
        """Every approval and act, and every signature over one."""
        archive = open_archive(f"sqlite:///{self.folder / 'mlflow.db'}")
        with archive.reading() as books:
            found = (*books.approvals.named(""), *books.acts.named(""))
            return (*found, *books.signatures.of([record.digest for record in found]).items())


@pytest.fixture
def clinic(
    tmp_path: Path,
    empty_database: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Clinic:
    """The clinic; the command line works on its database."""
    from governance_mlflow.store.registry_store import open_store

    shutil.copy(empty_database, tmp_path / "mlflow.db")
    model = tmp_path / "model"
    model.mkdir()
    (model / "MLmodel").write_text("flavors: {}\n")
    for name in ("GOVERNANCE_DEBUG", "GOVERNANCE_STORE_URI", "GOVERNANCE_SIGNING_KEY"):
        monkeypatch.delenv(name, raising=False)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", f"governed+{uri}")
    monkeypatch.setenv("GOVERNANCE_POLICY", str(tmp_path / "policy.yaml"))
    monkeypatch.setenv("GOVERNANCE_ACTOR", "ada")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)
    found = Clinic(tmp_path, capfd)
    found.policy()
    store = open_store(f"governed+{uri}")
    store.create_registered_model("risk")
    store.create_model_version("risk", str(model))
    capfd.readouterr()
    return found


WHY = ("--reason", "the source answers next week")


def test_asking_and_answering(clinic: Clinic) -> None:
    """A request, an approval by another, and its revocation: each is said, logged and counts."""
    asked = clinic("request MODEL", *WHY)
    by_asker = clinic("approve MODEL --role dpo", *WHY)
    approved = clinic("approve MODEL --role dpo --as dora", *WHY)
    counted = clinic.statuses()["approval"]
    (digest,) = re.findall(r"approval (\w{12})", approved.out)
    revoked = clinic(f"revoke {digest} --as dirk", *WHY)

    assert (0, 2, 0, 0) == (asked.code, by_asker.code, approved.code, revoked.code)
    assert re.fullmatch(
        r"ada asks that models:/risk/1 be reviewed for production \(bytes \w{12}, request \w{12}\)\.\n",
        asked.out,
    )
    assert re.fullmatch(
        r"dora approved models:/risk/1 for production as dpo \(bytes \w{12}, approval \w{12}\)\.\n",
        approved.out,
    )
    assert f"dirk revoked {digest} about models:/risk/1.\n" == revoked.out
    assert ("passed", "missing") == (counted, clinic.statuses()["approval"])
    assert [
        ("review:requested", "ada"),
        ("approval:given", "dora"),
        ("approval:revoked", "dirk"),
    ] == clinic.events()


def test_people_see_what_they_sign(clinic: Clinic) -> None:
    """The whole digest, the label, how much evidence there is, and which checks are open."""
    shown = clinic("approve MODEL --role dpo --as dora", *WHY)

    (bytes_,) = re.findall(r"bytes (\w{12})", shown.out)
    told = dict(line.split(maxsplit=1) for line in shown.err.splitlines()[-7:])
    digest, label = told.pop("bytes"), told.pop("label")
    assert re.fullmatch(rf"{bytes_}\w{{52}}", digest)
    assert label.startswith("restricted; personal; ")
    assert {
        "version": "models:/risk/1",
        "target": "production",
        "policy": "clinic",
        "evidence": "0 about these bytes",
        "unmet": "lineage-known",
    } == told


def test_only_the_bytes_that_were_reviewed(clinic: Clinic) -> None:
    """A digest of other bytes, or too little of one, is refused before anything is written."""
    (digest,) = re.findall(r"bytes     (\w{64})", clinic("request MODEL", *WHY).err)
    before = clinic.records()

    for wrong in ("0" * 64, "0" * 12, digest[:11], f"{digest}00"):
        refused = clinic(f"approve MODEL --role dpo --as dora --digest {wrong}", *WHY)
        assert (2, "") == (refused.code, refused.out)
    assert before == clinic.records()
    for right in (digest, digest[:12].upper()):
        assert 0 == clinic(f"approve MODEL --role dpo --as dora --digest {right}", *WHY).code


def test_a_rejection_closes_until_it_is_taken_back(clinic: Clinic) -> None:
    """Whoever else approves; it cannot lapse, and another does not take it back."""
    rejected = clinic("reject MODEL --role dpo --as dora", *WHY)
    clinic("approve MODEL --role dpo --as dirk", *WHY)
    closed = clinic.statuses()["approval"]
    (digest,) = re.findall(r"approval (\w{12})", rejected.out)

    assert rejected.out.startswith("dora rejected models:/risk/1 for production as dpo (bytes ")
    assert 2 == clinic("reject MODEL --role dpo --as dora --days 3", *WHY).code
    assert 2 == clinic(f"revoke {digest} --as dirk", *WHY).code
    assert 0 == clinic(f"revoke {digest} --as dora", *WHY).code
    assert ("failed", "passed") == (closed, clinic.statuses()["approval"])


def test_a_waiver(clinic: Clinic) -> None:
    """One check is waived until its end, and the decision says so in a line of its own."""
    waived = clinic("waive MODEL --check lineage-known --role dpo --days 30 --as dora", *WHY)
    clinic("approve MODEL --role dpo --as dirk", *WHY)
    decision = clinic("check MODEL --as mary")

    assert re.fullmatch(
        r"dora waives lineage-known for models:/risk/1 to production as dpo until [\d-]{10} [\d:]{5} UTC"
        r" \(bytes \w{12}, waiver \w{12}\)\.\n",
        waived.out,
    )
    assert 0 == decision.code
    assert "Only by exception: lineage-known waived" in decision.out.splitlines()
    assert "waived by dora (dpo) until " in decision.out
    assert 2 == clinic("waive MODEL --check approval --role dpo --days 1 --as dora", *WHY).code
    assert 2 == clinic("waive MODEL --check lineage-known --role dpo --days 31 --as dora", *WHY).code


def test_broken_glass(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """Confirmed or with --yes, everything passes for a time, and every finding says why."""
    monkeypatch.setattr("sys.stdin", open("/dev/null"))  # noqa: PTH123, SIM115 - closed with the process
    line = "break-glass MODEL --role boss --hours 2 --as bess"
    unconfirmed = clinic(line, *WHY)
    before = clinic.records()
    broken = clinic(f"{line} --yes", *WHY)
    decision = clinic("check MODEL --as mary")

    assert (3, ()) == (unconfirmed.code, before)
    assert re.fullmatch(
        r"bess broke the glass for models:/risk/1 to production as boss until [\d-]{10} [\d:]{5} UTC"
        r" \(bytes \w{12}, break-glass \w{12}\)\.\n",
        broken.out,
    )
    assert 0 == decision.code
    for check in ("lineage-known", "approval"):
        assert f"Only by exception: {check} overridden" in decision.out.splitlines()
    assert [("glass:broken", "bess")] == clinic.events()


def test_json(clinic: Clinic) -> None:
    """Each kind under its schema, with the digest that names the record and that of the bytes."""
    request = clinic.json("request MODEL", *WHY)
    approval = clinic.json("approve MODEL --role dpo --as dora --days 2", *WHY)
    revocation = clinic.json(f"revoke {approval['approval']} --as dora", *WHY)
    waiver = clinic.json("waive MODEL --check lineage-known --role dpo --days 7 --as dora", *WHY)
    glass = clinic.json("break-glass MODEL --role boss --hours 2 --yes --as bess", *WHY)

    given = {"at", "by", "keyid", "reason", "schema", "subject"}
    in_a_role = given | {"role", "via", "target", "expires_at"}
    assert [
        ("governance/review-request/v1", given | {"target", "request"}),
        ("governance/approval/v1", in_a_role | {"verdict", "approval"}),
        ("governance/revocation/v1", given | {"revoked", "revocation"}),
        ("governance/waiver/v1", in_a_role | {"check", "policy_digest", "waiver"}),
        ("governance/break-glass/v1", in_a_role | {"policy_digest", "break_glass"}),
    ] == [(body["schema"], set(body)) for body in (request, approval, revocation, waiver, glass)]
    assert 1 == len({body["subject"]["digest"] for body in (request, approval, revocation, waiver, glass)})
    names = {
        request["request"],
        approval["approval"],
        revocation["revocation"],
        waiver["waiver"],
        glass["break_glass"],
    }
    assert names == {record.digest for record in clinic.records()}
    (kept,) = [record for record in clinic.records() if isinstance(record, Waiver)]
    told = {k: v for k, v in kept.to_json().items() if k not in ("kind", "subject_uid", "manifest_digest")}
    assert told == {key: waiver[key] for key in told}


def test_signing(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --key or GOVERNANCE_SIGNING_KEY; where the policy asks for signatures, only those count."""
    made = {name: signing.new_key(ED25519) for name in ("dora", "dirk")}
    for name, key in made.items():
        signing.save_private(key, clinic.folder / f"{name}.pem")
    lines = [f'  {name}: ["{signing.public_line(key.public_key())}"]' for name, key in made.items()]
    clinic.policy("\n".join(["approvals: { signed: true }", "keys:", *lines]))
    line = "approve MODEL --role dpo --as dora"

    unsigned, by_another = clinic(line, *WHY), clinic(f"{line} --key dirk.pem", *WHY)
    written = clinic.records()
    signed = clinic(f"{line} --key dora.pem", *WHY)
    counted = clinic.statuses()["approval"]
    monkeypatch.setenv("GOVERNANCE_SIGNING_KEY", "dirk.pem")
    waiver = clinic.json("waive MODEL --check lineage-known --role dpo --days 7 --as dirk", *WHY)

    assert (2, 2, ()) == (unsigned.code, by_another.code, written)
    assert "Sign it with --key FILE, or set GOVERNANCE_SIGNING_KEY." in unsigned.err
    keyid = {name: signing.keyid(key.public_key()) for name, key in made.items()}
    assert signed.out.endswith(f", signed with key {keyid['dora'][:12]}.\n")
    assert ("passed", keyid["dirk"]) == (counted, waiver["keyid"])
    assert {"actor-known": "passed", "lineage-known": "waived", "approval": "passed"} == clinic.statuses()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("approve MODEL --role pope", "has no role 'pope'"),
        ("approve MODEL --role dpo --as eve", "'eve' does not hold the role 'dpo'"),
        ("approve MODEL --role dpo --as dora --key missing.pem", "There is no private key missing.pem."),
        ("revoke 1234 --as dora", "'1234' names no record"),
        ("revoke 12345678 --as dora", "begins with 12345678"),
        ("waive MODEL --check actor-known --role dpo --days 1 --as dora", "lets nobody waive 'actor-known'"),
        ("break-glass MODEL --role dpo --hours 2 --yes --as dora", "The role 'dpo' cannot break the glass"),
        ("break-glass MODEL --role boss --hours 25 --yes --as bess", "must end within 24 hours"),
    ],
)
def test_wrong_usage(clinic: Clinic, line: str, said: str) -> None:
    """Exit code 2, a sentence, and nothing written."""
    refused = clinic(line, *WHY)

    assert (2, "", ()) == (refused.code, refused.out, clinic.records())
    assert said in refused.err


def test_no_reason_no_record(clinic: Clinic) -> None:
    """Every one of these needs a reason."""
    lines = (
        "request MODEL",
        "approve MODEL --role dpo --as dora",
        "reject MODEL --role dpo --as dora",
        "waive MODEL --check lineage-known --role dpo --days 1 --as dora",
        "break-glass MODEL --role boss --hours 2 --yes --as bess",
    )

    assert [2] * 10 == [clinic(line, *reason).code for line in lines for reason in ((), ("--reason", " "))]
    assert () == clinic.records()
