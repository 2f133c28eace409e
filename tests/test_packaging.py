"""The wheel holds the whole house and nothing else, and works without a checkout."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = {
    "governance": "governance",
    "plugins/governance_mlflow": "governance_mlflow",
    "policies": "governance/policies",
    "migrations": "governance/migrations",
}
LOAD_ENTRY_POINTS = """
import importlib.metadata, json, sys
(distribution,) = importlib.metadata.distributions(name="mlflow-governance", path=[sys.argv[1]])
loaded = {}
for point in distribution.entry_points:
    point.load()
    loaded[f"{point.group}: {point.name}"] = sys.modules[point.module].__file__.startswith(sys.argv[1])
print(json.dumps(loaded))
"""
FIND_DATA = """
import json, sys
from governance.resources import folder
print(json.dumps({name: [str(folder(name)), folder(name).is_dir()] for name in ("policies", "migrations")}))
"""

pytestmark = pytest.mark.slow


def in_the_house() -> set[str]:
    """The place in the wheel of every file in the shipped folders."""
    return {
        f"{target}/{file.relative_to(ROOT / source).as_posix()}"
        for source, target in SHIPPED.items()
        for file in (ROOT / source).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    out = tmp_path_factory.mktemp("dist")
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (found,) = out.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def contents(wheel: Path) -> set[str]:
    """The names of all files in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel was installed, without its dependencies."""
    target = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*command, "--target", str(target), str(wheel)], check=True)
    return target


def run_installed(installed: Path, code: str, *arguments: str) -> object:
    """What `code` prints when the installed wheel comes before the checkout on the path."""
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=installed.parent,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def test_the_top_level_is_two_names(contents: set[str]) -> None:
    """Only `governance` and `governance_mlflow` are put beside other people's packages."""
    tops = {re.sub(r"^mlflow_governance-.+\.dist-info$", "*.dist-info", n.split("/")[0]) for n in contents}

    assert {"governance", "governance_mlflow", "*.dist-info"} == tops


def test_every_file_is_shipped_where_it_belongs(contents: set[str]) -> None:
    """Modules, policies, migrations, templates and static files are all inside, and nothing besides."""
    shipped = {name for name in contents if ".dist-info/" not in name}

    assert in_the_house() == shipped


@pytest.mark.parametrize(
    "pattern",
    [
        r"governance/policies/\w+\.yaml",
        r"governance/migrations/env\.py",
        r"governance/migrations/script\.py\.mako",
        r"governance/migrations/versions/\w+\.py",
        r"governance/reports/templates/.+",
        r"governance/py\.typed",
        r"governance_mlflow/py\.typed",
    ],
)
def test_no_kind_of_data_is_missing(contents: set[str], pattern: str) -> None:
    """An empty or renamed data folder is seen here, not by a user."""
    assert any(re.fullmatch(pattern, name) for name in contents)


def test_the_licence_is_inside(contents: set[str]) -> None:
    """The wheel carries its licence."""
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in contents)


def test_the_data_folders_are_found_inside_the_package(installed: Path) -> None:
    """Installed, `resources.folder` answers with the package's own folders."""
    expected = {name: [str(installed / "governance" / name), True] for name in ("policies", "migrations")}

    assert expected == run_installed(installed, FIND_DATA)


def test_every_entry_point_loads_from_the_wheel(installed: Path) -> None:
    """Each entry point that pyproject.toml declares is installed and loads without the checkout."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = {"console_scripts": project["scripts"], **project["entry-points"]}
    expected = {f"{group}: {name}": True for group, points in declared.items() for name in points}

    assert expected == run_installed(installed, LOAD_ENTRY_POINTS, str(installed))
