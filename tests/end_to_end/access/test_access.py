"""Real servers, real HTTP: a restricted model's bytes reach nobody whom the policy does not let have them.

Three servers stand on one database and one folder of artifacts: ours under uvicorn, ours under gunicorn,
and MLflow's own without the plugin, where everything that is refused by the others goes through.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from governance.storage.archive import open_archive

pytestmark = pytest.mark.slow

API, AJAX = "api/2.0/mlflow", "ajax-api/2.0/mlflow"

Route = tuple[str, str, dict[str, str]]


def routes(model: Any) -> dict[str, Route]:
    """Every road to the bytes of a version: method, path, query."""
    logged = f"{model.experiment}/models/{model.model_id}/artifacts"
    of_run = f"{model.experiment}/{model.run}/artifacts/model"
    found: dict[str, Route] = {
        "run_uuid": ("GET", "get-artifact", {"run_uuid": model.run, "path": "model/weights.bin"}),
        "run_id": ("GET", "get-artifact", {"run_id": model.run, "path": "model/./weights.bin"}),
        "version": (
            *("GET", "model-versions/get-artifact"),
            {"name": model.name, "version": "1", "path": "weights.bin"},
        ),
        "frozen version": (
            *("GET", "model-versions/get-artifact"),
            {"name": model.name, "version": "2", "path": "weights.bin"},
        ),
        "logged model": (
            *("GET", f"{AJAX}/logged-models/{model.model_id}/artifacts/files"),
            {"artifact_file_path": "weights.bin"},
        ),
        "encoded": ("GET", f"api/2.0/mlflow-artifacts/artifacts/{logged}/weights%252Ebin", {}),
    }
    for api in ("api", "ajax-api"):
        for place, path in (("origin", logged), ("run", of_run), ("frozen", f"frozen/{model.frozen}")):
            whole = f"{api}/2.0/mlflow-artifacts/artifacts/{path}/weights.bin"
            found[f"{api} {place}"] = ("GET", whole, {})
    return found


def lists(model: Any) -> dict[str, Route]:
    """Every road to the names of a version's files, its entry, or where it lies."""
    version = {"name": model.name, "version": "1"}
    logged = f"{model.experiment}/models/{model.model_id}/artifacts"
    return {
        "list of the run": ("GET", f"{API}/artifacts/list", {"run_id": model.run, "path": "model"}),
        "list": ("GET", "api/2.0/mlflow-artifacts/artifacts", {"path": logged}),
        "list of the logged model": (
            *("GET", f"{API}/logged-models/{model.model_id}/artifacts/directories"),
            {},
        ),
        "where it lies": ("GET", f"{API}/model-versions/get-download-uri", version),
        "entry": ("GET", f"{AJAX}/model-versions/get", version),
        "alias": ("GET", f"{API}/registered-models/alias", {"name": model.name, "alias": "champion"}),
    }


NOTHING = SimpleNamespace(name="", experiment="", run="", model_id="", frozen="")
ROUTES, LISTS = list(routes(NOTHING)), list(lists(NOTHING))


def log(world: Any, type: str) -> list[tuple[str, dict[str, Any]]]:
    """Who did what, of one type of event."""
    archive = open_archive(world.database)
    with archive.reading() as books:
        found = [(entry.actor, dict(entry.body)) for entry in books.audit.entries() if entry.type == type]
    archive.engine.dispose()
    return found


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("under", ["uvicorn", "gunicorn"])
def test_bytes_by_every_route(world: Any, under: str, route: str) -> None:
    """Nobody without the role, administrators least of all; whoever has it gets the very bytes."""
    server = world.servers[under]
    restricted, public = routes(world.visits)[route], routes(world.maps)[route]

    answers = {name: _get(server, name, restricted) for name in ("alice", "bob", "ada")}
    everybody = _get(server, "bob", public)

    assert {"alice": 403, "bob": 403, "ada": 200} == {name: a.status_code for name, a in answers.items()}
    assert all("PERMISSION_DENIED" == answers[name].json()["error_code"] for name in ("alice", "bob"))
    assert (world.visits.weights, world.maps.weights) == (answers["ada"].content, everybody.content)


@pytest.mark.parametrize("route", LISTS)
@pytest.mark.parametrize("under", ["uvicorn", "gunicorn"])
def test_names_by_every_route(world: Any, under: str, route: str) -> None:
    """What the files are called, the entry of the version and where it lies are no more for everybody."""
    server = world.servers[under]
    restricted, public = lists(world.visits)[route], lists(world.maps)[route]

    codes = [_get(server, name, restricted).status_code for name in ("alice", "bob", "ada")]

    assert ([403, 403, 200], 200) == (codes, _get(server, "bob", public).status_code)


def test_on_stock_mlflow_the_same_reads_go_through(world: Any) -> None:
    """The control: bob, who may read everything in MLflow, reads everything."""
    stock = world.servers["stock"]

    read = {route: _get(stock, "bob", how).content for route, how in routes(world.visits).items()}
    codes = [_get(stock, "bob", how).status_code for how in lists(world.visits).values()]

    assert dict.fromkeys(ROUTES, world.visits.weights) == read
    assert [200] * len(LISTS) == codes


def test_searches_leave_it_out(world: Any) -> None:
    """Bob finds the public versions, on both interfaces and in the page of each registered model."""
    server = world.servers["uvicorn"]

    def found(name: str, api: str) -> list[str]:
        versions = server.send(name, "GET", f"{api}/model-versions/search").json()["model_versions"]
        models = server.send(name, "GET", f"{api}/registered-models/search").json()["registered_models"]
        versions += [version for model in models for version in model.get("latest_versions", [])]
        return sorted(f"{version['name']}/{version['version']}" for version in versions)

    public, restricted = ["maps/1", "maps/2", "maps/2"], ["visits/1", "visits/2", "visits/2"]
    assert [public, public] == [found("bob", api) for api in (API, AJAX)]
    assert public + restricted == found("ada", API)


def test_a_purpose_is_asked_for(world: Any) -> None:
    """Ada has the role, and still says what she wants the bytes for."""
    server, path = world.servers["uvicorn"], routes(world.visits)["api origin"][1]

    codes = {
        purpose: server.send("ada", "GET", path, headers={"X-Governance-Purpose": purpose}).status_code
        for purpose in ("care", "research", "")
    }

    assert {"care": 200, "research": 403, "": 403} == codes


def test_an_unmodified_client_loads_it(world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its user, password and purpose in the environment; each file is fetched, and it is one entry."""
    import mlflow

    for name, value in {
        "MLFLOW_TRACKING_URI": world.servers["gunicorn"].uri,
        "MLFLOW_TRACKING_USERNAME": "ada",
        "MLFLOW_TRACKING_PASSWORD": "the-password-of-ada",
        "GOVERNANCE_PURPOSE": "care",
    }.items():
        monkeypatch.setenv(name, value)
    mlflow.set_tracking_uri(world.servers["gunicorn"].uri)
    before = len(log(world, "version:accessed"))

    folder = mlflow.artifacts.download_artifacts("models:/visits@champion", dst_path=str(tmp_path / "model"))
    entries = log(world, "version:accessed")[before:]

    assert world.visits.weights == (Path(folder) / "weights.bin").read_bytes()
    assert {("ada", "models:/visits/2", "care")} >= {(who, e["version"], e["purpose"]) for who, e in entries}
    assert len(entries) <= 2


def test_who_was_let_in_and_who_was_not_is_on_record(world: Any) -> None:
    """Actor, version, action, route and purpose; many reads of one minute are one entry."""
    server = world.servers["uvicorn"]
    for _ in range(5):
        _get(server, "ada", routes(world.visits)["api frozen"])
        _get(server, "bob", routes(world.visits)["api frozen"])
        _get(server, "bob", routes(world.maps)["api frozen"])

    let_in, refused = log(world, "version:accessed"), log(world, "access:denied")

    assert {"ada"} == {who for who, _ in let_in}
    assert {"alice", "bob"} <= {who for who, _ in refused}
    assert {"visits"} == {e["version"].split("/")[1] for _, e in let_in + refused}
    assert {"load", "download"} == {e["action"] for _, e in let_in}
    assert {"care"} == {e["purpose"] for _, e in let_in}
    assert all(e["route"].startswith(("GET /", "POST /")) for _, e in let_in + refused)
    # Two versions, two actions, two servers, and the minutes that this module takes.
    assert len(let_in) <= 2 * 2 * 2 * 3


def test_a_copy_is_no_way_round(world: Any) -> None:
    """Bob may not copy what he may not load; what ada copies stays restricted."""
    server = world.servers["uvicorn"]
    for name in ("bob", "ada"):
        server.ask(name, "registered-models/create", name=f"{name}-copies")

    taken = server.send(
        *("bob", "POST", f"{API}/model-versions/create"),
        json={"name": "bob-copies", "source": "models:/visits/1"},
    )
    server.ask("ada", "model-versions/create", name="ada-copies", source="models:/visits/1")
    copied = (
        "GET",
        "model-versions/get-artifact",
        {"name": "ada-copies", "version": "1", "path": "weights.bin"},
    )

    assert 403 == taken.status_code
    assert [403, 200] == [_get(server, name, copied).status_code for name in ("bob", "ada")]


def test_data_of_the_eu_stay_there(world: Any) -> None:
    """Not promoted into another region; data of another region are not registered here."""
    server = world.servers["gunicorn"]

    moved = server.send(
        *("ada", "POST", f"{API}/registered-models/alias"),
        json={"name": "visits", "alias": "abroad", "version": "1"},
    )
    anywhere = server.send(
        *("ada", "POST", f"{API}/registered-models/alias"),
        json={"name": "maps", "alias": "abroad", "version": "1"},
    )

    assert (403, 200) == (moved.status_code, anywhere.status_code)
    assert "region-permitted [failed]" in moved.json()["message"]


def _get(server: Any, name: str, route: Route) -> requests.Response:
    method, path, query = route
    return server.send(name, method, path, params=query)
