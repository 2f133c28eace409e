from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path

import pytest

from governance.errors import Conflict, NotFound, UsageError
from governance.privacy.record_risk import Worst, worst_records
from governance.privacy.restricted import write_restricted

KEY = bytes(range(32))


def worst() -> Worst:
    """Two of three members; their scores and rows are numbers that would be noticed."""
    return worst_records([7.77, 1.0, 8.88], [0.0, 2.0], 2, rows=[101, 102, 103])


def test_the_file_holds_what_the_entitled_need_and_no_more(tmp_path: Path) -> None:
    """Pseudonym, rank, p- and q-value of each, and the rows beside them; no score, no other member."""
    path = tmp_path / "worst.json"

    digest = write_restricted(path, worst(), "ab" * 32, KEY)

    text = path.read_text("ascii")
    found = json.loads(text)
    first, second = (one["pseudonym"] for one in found["records"])
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    assert {
        "schema": "governance/worst-records/v1",
        "subject": "ab" * 32,
        "records": [
            {"pseudonym": first, "rank": 1, "p_value": 1 / 3, "q_value": 0.5},
            {"pseudonym": second, "rank": 2, "p_value": 1 / 3, "q_value": 0.5},
        ],
        "rows": {first: 103, second: 101},
    } == found
    assert not [secret for secret in ("7.77", "8.88", "102", KEY.hex()) if secret in text]


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    """Mode 0600, whatever the umask."""
    before = os.umask(0o277)
    try:
        write_restricted(tmp_path / "worst.json", worst(), "", KEY)
    finally:
        os.umask(before)

    assert 0o600 == stat.S_IMODE((tmp_path / "worst.json").stat().st_mode)


def test_pseudonyms_of_two_files_have_nothing_in_common(tmp_path: Path) -> None:
    """Another key, other names and another digest: files cannot be joined, digests not guessed."""
    digests = {write_restricted(tmp_path / str(i), worst(), "", bytes([i]) * 32) for i in range(2)}
    names = [set(json.loads((tmp_path / str(i)).read_text("ascii"))["rows"]) for i in range(2)]

    assert 2 == len(digests)
    assert set() == names[0] & names[1]


def test_nothing_is_overwritten_and_no_link_followed(tmp_path: Path) -> None:
    """A file or a link of that name is a conflict, and stays as it was."""
    (tmp_path / "there").write_text("mine", "utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")

    for name in ("there", "link"):
        with pytest.raises(Conflict):
            write_restricted(tmp_path / name, worst(), "", KEY)

    assert "mine" == (tmp_path / "there").read_text("utf-8")
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_must_be_there(tmp_path: Path) -> None:
    """None is made on the way."""
    with pytest.raises(NotFound):
        write_restricted(tmp_path / "none" / "worst.json", worst(), "", KEY)


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    """Pseudonyms of row numbers under a guessable key are row numbers."""
    with pytest.raises(UsageError, match="32 bytes"):
        write_restricted(tmp_path / "worst.json", worst(), "", b"short")
