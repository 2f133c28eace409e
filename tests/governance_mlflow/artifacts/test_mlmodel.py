"""What an `MLmodel` file says: read if it can be, never executed, never a crash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from governance.domain.lineage import Parent, ParentKind
from governance.errors import UsageError
from governance_mlflow.artifacts.mlmodel import LARGEST, base_models, dp_training, read


@pytest.fixture
def folder(tmp_path: Path) -> Any:
    """Makes a folder with such an `MLmodel`."""

    def call(contents: str | bytes) -> Path:
        data = contents.encode() if isinstance(contents, str) else contents
        (tmp_path / "MLmodel").write_bytes(data)
        return tmp_path

    return call


def test_a_mapping_is_read(folder: Any) -> None:
    """As MLflow writes it, in whatever language."""
    assert {"flavors": {"sklearn": {"note": "größe"}}} == read(folder("flavors: {sklearn: {note: größe}}"))


@pytest.mark.parametrize(
    "contents",
    [
        "",
        "just words",
        "- a\n- list",
        "flavors: {",
        "flavors: [1, 2",
        "\tflavors: 1",
        "a: !!python/object/apply:os.system [exit]",
        "created: 2001-99-99",
        f"size: {'9' * 5000}",
        "[" * 100_000,
        b"\xff\xfe\x00",
        b"flavors: \x00",
        "flavors: {sklearn: {}}\n" + "#" * LARGEST,
    ],
    ids=lambda contents: repr(contents[:12]),
)
def test_anything_else_is_empty(folder: Any, contents: str | bytes) -> None:
    """Malformed, huge, foreign or hostile contents say nothing."""
    assert {} == read(folder(contents))


def test_no_file_is_empty(tmp_path: Path) -> None:
    """Nor is a folder of that name a file."""
    assert {} == read(tmp_path)
    (tmp_path / "MLmodel").mkdir()
    assert {} == read(tmp_path)


def test_the_facts_of_a_training(make: Any) -> None:
    """What `private_training` put there comes back."""
    contents = {"metadata": {"governance": {"dp_training": make.training().to_json()}}}

    assert make.training() == dp_training(contents)


@pytest.mark.parametrize(
    "contents",
    [
        {},
        {"metadata": None},
        {"metadata": ["governance"]},
        {"metadata": {"governance": "dp"}},
        {"metadata": {"governance": {}}},
        {"metadata": {"governance": {"dp_training": None}}},
    ],
)
def test_no_claim_of_a_training(contents: dict[str, Any]) -> None:
    """A model that says nothing of one was trained without."""
    assert dp_training(contents) is None


@pytest.mark.parametrize(
    "defect",
    [
        "ε = 0.1",
        [],
        {},
        7,
        {"delta": "small"},
        {"delta": 2.0},
        {"phases": []},
        {"phases": 5},
        {"phases": [5]},
        {"datasets": "visits"},
        {"libraries": ["opacus"]},
        {"sampling": []},
        {"n_units": 2**70},
        {"epsilon": 0.1},
    ],
    ids=str,
)
def test_an_unreadable_claim_is_refused(make: Any, defect: Any) -> None:
    """A model that says it was trained privately and cannot say how is not registered as if it had not."""
    claimed = make.training().to_json() | defect if isinstance(defect, dict) and defect else defect

    with pytest.raises(UsageError, match="no usable DP training") as refused:
        dp_training({"metadata": {"governance": {"dp_training": claimed}}})
    assert "training.metadata(model)" in refused.value.remedy


@pytest.mark.parametrize(
    ("flavors", "expected"),
    [
        ({"transformers": {"source_model_name": "org/bert"}}, ("hf:org/bert",)),
        ({"transformers": {"source_model_name": ""}}, ()),
        ({"transformers": {}}, ()),
        ({"transformers": None}, ()),
        ({"sklearn": {"source_model_name": "org/bert"}}, ()),
        (["transformers"], ()),
        (None, ()),
    ],
)
def test_the_pre_trained_base(flavors: Any, expected: tuple[str, ...]) -> None:
    """The transformers flavour names it; nobody here knows it."""
    parents = tuple(Parent(ParentKind.BASE_MODEL, name) for name in expected)

    assert parents == base_models({"flavors": flavors})
