"""The restricted file: which members are most at risk, for the one person entitled to know.

Membership of a training set can itself be the secret (everybody in it has the disease), and a list of
the most exposed records is a list of whom to attack first. So no row number leaves this file: evidence
holds its SHA-256, and people speak of a record by its pseudonym. Pseudonyms are keyed with 32 bytes
drawn for this file alone and kept nowhere: they cannot be computed from row numbers, cannot be linked
between two files, and lead to nobody once the file is deleted. They also keep the digest from being
guessed. No feature, label or score stands in the file.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from pathlib import Path
from typing import Any

from governance.errors import Conflict, NotFound, UsageError
from governance.privacy.record_risk import Worst

SCHEMA = "governance/worst-records/v1"

KEY_BYTES = 32


def write_restricted(path: str | os.PathLike[str], worst: Worst, subject_digest: str, key: bytes) -> str:
    """Write the file for its owner's eyes only (mode 0600), and return its SHA-256 for the evidence.

    Args:
        path: A file that is not there yet; nothing is overwritten and no link followed.
        worst: From `record_risk.worst_records`.
        subject_digest: Of the model assessed.
        key: 32 fresh bytes, for example `secrets.token_bytes(32)`, that the caller forgets.

    Raises:
        UsageError: the key is too short.
        NotFound: there is no such folder.
        Conflict: the file is there already.
    """
    if len(key) < KEY_BYTES:
        raise UsageError(f"Pseudonyms need a key of {KEY_BYTES} bytes, not {len(key)}")
    text = json.dumps(_document(worst, subject_digest, key), indent=1, sort_keys=True).encode("ascii") + b"\n"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileExistsError:
        raise Conflict(f"{Path(path).name} is there already", "Name a new file.") from None
    except FileNotFoundError:
        raise NotFound(f"There is no folder for {Path(path).name}", "Make it first.") from None
    with os.fdopen(descriptor, "wb") as file:
        # The umask may only have taken rights away; what remains is set, whatever it was.
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return hashlib.sha256(text).hexdigest()


def _document(worst: Worst, subject_digest: str, key: bytes) -> dict[str, Any]:
    names = [
        hmac.new(key, b"member %d" % row, hashlib.sha256).hexdigest()[:16] for row in worst.rows.tolist()
    ]
    columns = zip(names, worst.ranks.tolist(), worst.p_values.tolist(), worst.q_values.tolist(), strict=True)
    return {
        "schema": SCHEMA,
        "subject": subject_digest,
        "records": [
            {"pseudonym": name, "rank": rank, "p_value": p, "q_value": q} for name, rank, p, q in columns
        ],
        "rows": dict(zip(names, worst.rows.tolist(), strict=True)),
    }
