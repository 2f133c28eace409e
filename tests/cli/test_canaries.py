"""`governance canaries`: secrets in a file of one's own, a commitment on standard output."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from governance.cli.canaries import read_canaries
from governance.privacy.memorisation.canaries import draw

PIN = "my PIN is {}{}{}{}"


def test_what_is_drawn(call: Any, tmp_path: Path) -> None:
    """The file holds what `draw` gives, for its owner only; what is printed is the commitment alone."""
    before = os.umask(0)
    try:
        done = call("canaries", "draw", PIN, "kit.json", "--planted", "3", "--held-out", "2", "--times", "4",
                    "--seed", str(2**100))  # fmt: skip
    finally:
        os.umask(before)

    drawn = draw(PIN, seed=2**100, planted=3, held_out=2, times=4)
    assert (0, f"{drawn.commitment}\n") == (done.code, done.out)
    assert drawn == read_canaries(tmp_path / "kit.json")
    assert 0o600 == (tmp_path / "kit.json").stat().st_mode & 0o777
    assert not any(secret in done.out + done.err for secret in drawn.planted + drawn.held_out)


def test_lines_to_plant(call: Any) -> None:
    """Each planted canary as often as it is to stand, a line each, and nothing else."""
    call("canaries", "draw", "née {} {} {}", "kit.json", "--planted", "2", "--times", "2", "--seed", "1")

    done = call("canaries", "lines", "kit.json")

    planted = draw("née {} {} {}", seed=1, planted=2, held_out=20).planted
    assert (0, [*planted, *planted], "") == (done.code, done.out.splitlines(), done.err)


def test_no_two_kits_are_alike(call: Any) -> None:
    """Without a seed, 128 fresh bits decide, and the file keeps them."""
    kits = [call("canaries", "draw", PIN, name).out for name in ("one.json", "two.json")]

    assert kits[0] != kits[1]
    assert read_canaries(Path("one.json")).seed > 2**64


def test_nothing_is_overwritten(call: Any, tmp_path: Path) -> None:
    """A file that is there stays as it is, and no link is followed."""
    (tmp_path / "there.json").write_text("mine")
    (tmp_path / "link.json").symlink_to(tmp_path / "elsewhere.json")

    for name in ("there.json", "link.json"):
        done = call("canaries", "draw", PIN, name)
        assert (2, "") == (done.code, done.out)
        assert f"{name} is there already" in done.err
    assert "mine" == (tmp_path / "there.json").read_text()
    assert not (tmp_path / "elsewhere.json").exists()


@pytest.mark.parametrize(
    ("template", "file", "options", "words"),
    [
        ("no slot", "kit.json", (), "A format has one or more slots"),
        ("{0}{1}", "kit.json", (), "A format has one or more slots"),
        ("{}{}", "kit.json", (), "too small for 40 canaries"),
        ("two\nlines {}{}{}{}", "kit.json", (), "one line"),
        (PIN, "gone/kit.json", (), "gone/kit.json cannot be written"),
        (PIN, "kit.json", ("--planted", "0"), "--planted"),
        (PIN, "kit.json", ("--times", "0"), "--times"),
        (PIN, "kit.json", ("--seed", "-1"), "--seed"),
    ],
)
def test_wrong_calls(
    template: str, file: str, options: tuple[str, ...], words: str, call: Any, tmp_path: Path
) -> None:
    """What is wrong is said; nothing is written."""
    done = call("canaries", "draw", template, file, *options)

    assert (2, "") == (done.code, done.out)
    assert words in done.err
    assert not list(tmp_path.glob("**/kit.json"))


@pytest.mark.parametrize(
    "change",
    [
        lambda kit: kit | {"schema": "governance/canaries/v2"},
        lambda kit: kit | {"times": 2},
        lambda kit: kit | {"seed": "8"},
        lambda kit: kit | {"planted": kit["held_out"]},
        lambda kit: kit | {"planted": "my PIN is 1234"},
        lambda kit: kit | {"template": None},
        lambda kit: kit | {"commitment": 7},
        lambda kit: {key: value for key, value in kit.items() if key != "fillings"},
        lambda kit: [kit],
    ],
)
def test_a_changed_file_is_refused(change: Any, call: Any, tmp_path: Path) -> None:
    """Canaries other than were drawn prove nothing; the message quotes none of them."""
    call("canaries", "draw", PIN, "kit.json", "--seed", "7")
    kit = json.loads((tmp_path / "kit.json").read_text())
    (tmp_path / "kit.json").write_text(json.dumps(change(kit)))

    done = call("canaries", "lines", "kit.json")

    assert (2, "") == (done.code, done.out)
    assert "kit.json holds no canaries, or others than were drawn." in done.err
    assert "my PIN is" not in done.err


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[" * 100_000], ids=["empty", "cut", "bytes", "deep"]
)
def test_no_json_is_refused(content: bytes, call: Any, tmp_path: Path) -> None:
    """Whatever stands in the file, the answer is a sentence."""
    (tmp_path / "kit.json").write_bytes(content)

    assert 2 == call("canaries", "lines", "kit.json").code
