"""The desk behind a server: the same requests over its REST interface, with MLflow's own log-in."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from governance.desk import Drafted, Opened
from governance.documents import described_json, entry_from
from governance.domain.chain import Entry
from governance.domain.dataset import Dataset
from governance.domain.decision import Decision
from governance.domain.label import Label, to_json
from governance.domain.signature import Signature
from governance.errors import Conflict, Forbidden, GovernanceError, NotFound, Undecided, UsageError
from governance.intents import Intent
from governance.policy.document import Policy
from governance.policy.parse import parse

PATH = "/api/governance/v1"
PAGE = 1000

ERRORS: Mapping[str, type[GovernanceError]] = {
    "RESOURCE_DOES_NOT_EXIST": NotFound,
    "ENDPOINT_NOT_FOUND": NotFound,
    "RESOURCE_CONFLICT": Conflict,
    "INVALID_PARAMETER_VALUE": UsageError,
    "BAD_REQUEST": UsageError,
    "PERMISSION_DENIED": Forbidden,
    "UNAUTHENTICATED": Forbidden,
}
"""What an error code of the interface means here; any other is `Undecided`."""


class Connection:
    """Calls the REST interface of one server as MLflow's client does: same credentials, same retries."""

    def __init__(self, server: str) -> None:
        self.server = server

    def get(self, path: str, **query: Any) -> Any:
        """What a route answers."""
        given = urlencode({key: value for key, value in query.items() if value is not None})
        return self._call("GET", f"{path}?{given}" if given else path).json()

    def text(self, path: str, **query: Any) -> str:
        """What a route answers, as text."""
        return str(self._call("GET", f"{path}?{urlencode(query)}").text)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """What a route answers to a request with a body; never sent twice."""
        return self._call("POST", path, json=dict(body), max_retries=0).json()

    def _call(self, method: str, path: str, **options: Any) -> Any:
        from mlflow.exceptions import MlflowException
        from mlflow.utils.credentials import get_default_host_creds
        from mlflow.utils.rest_utils import http_request

        try:
            answer = http_request(
                get_default_host_creds(self.server),
                f"{PATH}{path}",
                method,
                raise_on_status=False,
                **options,
            )
        except (MlflowException, OSError) as error:
            # The text may hold the URL, and a URL can hold a password.
            raise Undecided(
                f"The server could not be reached: {type(error).__name__}.",
                "See that it runs and that MLFLOW_TRACKING_URI names it, then call again.",
            ) from error
        if answer.status_code >= 400:
            raise _error(answer)
        return answer


def _error(answer: Any) -> GovernanceError:
    try:
        said = answer.json()
        kind = ERRORS.get(said["error_code"], Undecided)
        return kind(str(said["message"]), str(said.get("remedy", "")))
    except (ValueError, KeyError, TypeError, AttributeError):
        # Not our interface: MLflow's log-in answers in plain text, a plain server knows no such path.
        pass
    if answer.status_code in (401, 403):
        return Forbidden(
            f"The server answered {answer.status_code}: it does not let you in.",
            "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, then call again.",
        )
    return Undecided(
        f"The server answered {answer.status_code} without a reason.",
        "Is it a governed server? Start it with: mlflow server --app-name governance-auth …",
    )


class RemoteDesk:
    """See `governance.desk.Desk`; whoever asks is whoever the server lets in."""

    def __init__(self, server: str) -> None:
        self._at = Connection(server)

    @cached_property
    def policy(self) -> Policy:
        """The policy in force at the server."""
        return parse(self._at.get("/policy")["text"], "the server's policy")

    @cached_property
    def actor(self) -> str:
        """Who asks, as the server knows them."""
        return str(self._at.get("/whoami")["name"])

    def label(self, model: str) -> dict[str, Any]:
        """`governance/label/v1`: what a version inherits, and because of what."""
        found: dict[str, Any] = self._at.get("/label", model=model)
        found.pop("schema", None)
        return found

    def check(self, model: str, target: str) -> Decision:
        """What the gate would answer."""
        return Decision.from_record(self._at.get("/check", model=model, target=target))

    def promote(self, model: str, target: str) -> Decision:
        """Move a target's alias to a version, if the policy allows it."""
        return Decision.from_record(self._at.post("/promotions", {"model": model, "target": target}))

    @contextmanager
    def opened(self, model: str) -> Iterator[Opened]:
        """A version, loaded from a download whose bytes are those that the server knows.

        Raises:
            Undecided: the download failed, or holds other bytes.
        """
        from mlflow.artifacts import download_artifacts
        from mlflow.exceptions import MlflowException

        from governance.hashing import hash_tree
        from governance_mlflow.loading import load

        subject: dict[str, Any] = self.label(model)["subject"]
        with tempfile.TemporaryDirectory() as folder:
            uri = f"models:/{subject['name']}/{subject['version']}"
            try:
                path = Path(download_artifacts(artifact_uri=uri, dst_path=folder))
            except MlflowException as error:
                raise Undecided(f"{uri} could not be downloaded: {error.message}") from error
            if hash_tree(path).digest != subject["digest"]:
                raise Undecided(
                    f"The download of {uri} does not hold the bytes {subject['digest'][:12]} of the server.",
                    "Somebody may be writing there. Call again; then: governance doctor",
                )
            yield Opened(load(str(path)), subject, path)

    def submit(self, model: str, statement: Mapping[str, Any], signatures: Sequence[Signature]) -> str:
        """Record evidence about a version's bytes; the digest that names it."""
        signed = [{"keyid": s.keyid, "algorithm": s.algorithm, "value": s.value} for s in signatures]
        body = {"model": model, "statement": statement, "signatures": signed}
        return str(self._at.post("/evidence", body)["digest"])

    def draft(self, intent: Intent) -> Drafted:
        """What an intent comes to, to be looked at and signed; nothing is recorded."""
        return Drafted(**self._at.post("/drafts", asdict(intent)))

    def hand_in(self, intent: Intent, at: str, signature: Signature | None) -> tuple[str, dict[str, Any]]:
        """Record what was drafted at that time: the kind of its document, and the document."""
        body = {"intent": asdict(intent), "at": at, "signature": asdict(signature) if signature else None}
        found: dict[str, Any] = self._at.post("/answers", body)
        kind = str(found.pop("schema")).split("/")[1]
        return kind, found

    def report(self, model: str, target: str, form: str) -> str:
        """The report of a version as `html`, `md` or `json`."""
        return self._at.text("/report", model=model, target=target, format=form)

    def input_digest(self, frame: Any) -> str:
        """MLflow's digest of a table, by which a plain `mlflow.log_input` is recognised."""
        from mlflow.data.digest_utils import compute_pandas_digest

        return str(compute_pandas_digest(frame))

    def catalogue(self, dataset: Dataset, label: Label, reason: str) -> dict[str, Any]:
        """`governance/dataset/v1`: record a described dataset with its first label."""
        body = {"dataset": described_json(dataset), "label": to_json(label), "reason": reason}
        found: dict[str, Any] = self._at.post("/datasets", body)
        found.pop("schema", None)
        return found

    def datasets(self, name: str | None = None) -> list[dict[str, Any]]:
        """Every catalogued dataset, or those of one name, with words, history and charges."""
        found: list[dict[str, Any]] = self._at.get("/datasets", name=name)["datasets"]
        return found

    def relabel(self, name: str, label: Label, reason: str) -> None:
        """Give a dataset another label."""
        self._at.post("/labels", {"dataset": name, "label": to_json(label), "reason": reason})

    def decisions(self, model: str) -> tuple[Decision, ...]:
        """Every decision on a version, oldest first."""
        found = self._at.get("/decisions", model=model)["decisions"]
        return tuple(Decision.from_record(record) for record in found)

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """The audit log behind a position, oldest first, a page at a time."""
        while page := self._at.get("/audit", after=after, limit=PAGE)["entries"]:
            yield from map(entry_from, page)
            after = page[-1]["position"]

    def head(self) -> tuple[int, str]:
        """Where the audit log ends: position and hash."""
        end = self._at.get("/audit", after=2**53, limit=1)
        return int(end["position"]), str(end["head"])
