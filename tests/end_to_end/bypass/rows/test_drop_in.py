"""What the policy does not protect is MLflow's own: the same requests to both, the same answers, whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.slow

UNLIKE = re.compile(r"timestamp|_time$|^workspace_?id$|^(?:user_)?id$")
"""Fields that differ between any two servers."""
MODEL, VERSION = "registered-models", "model-versions"
PROMPT = {"key": "mlflow.prompt.is_prompt", "value": "true"}
PROMPTS = "tags.`mlflow.prompt.is_prompt` = 'true'"
OURS = "name LIKE 'greek-%'"
"""Other tests leave models of other names on these servers."""
SOURCE = "s3://bucket/{}"

Call = tuple[str, str, dict[str, Any]]


def script() -> Iterator[Call]:
    """Requests, in order; some of them are wrong, and how they are refused is compared too."""
    yield from models()
    yield from versions()
    yield from searches()
    yield from prompts()
    yield from endings()


def models() -> Iterator[Call]:
    """Registered models, their tags and descriptions."""
    for name in ("greek-alpha", "greek-beta", "greek-gamma", "greek-delta"):
        tags = [{"key": "team", "value": name}, {"key": "kind", "value": "greek"}]
        yield "POST", f"{MODEL}/create", {"name": name, "tags": tags, "description": f"about {name}"}
    yield "POST", f"{MODEL}/create", {"name": "greek-alpha"}
    yield "POST", f"{MODEL}/create", {"name": ""}
    yield "POST", f"{MODEL}/create", {"name": "a/b"}
    yield "POST", f"{MODEL}/create", {"name": 7}
    yield "PATCH", f"{MODEL}/update", {"name": "greek-alpha", "description": "new words"}
    yield "PATCH", f"{MODEL}/update", {"name": "nobody", "description": "new words"}
    yield "POST", f"{MODEL}/set-tag", {"name": "greek-alpha", "key": "team", "value": "other"}
    yield "POST", f"{MODEL}/set-tag", {"name": "greek-alpha", "key": "k" * 300, "value": "v"}
    yield "POST", f"{MODEL}/set-tag", {"name": "nobody", "key": "k", "value": "v"}
    yield "DELETE", f"{MODEL}/delete-tag", {"name": "greek-alpha", "key": "kind"}
    yield "DELETE", f"{MODEL}/delete-tag", {"name": "greek-alpha", "key": "never"}
    yield "POST", f"{MODEL}/rename", {"name": "greek-delta", "new_name": "greek-epsilon"}
    yield "POST", f"{MODEL}/rename", {"name": "greek-epsilon", "new_name": "greek-alpha"}
    yield "POST", f"{MODEL}/rename", {"name": "nobody", "new_name": "greek-zeta"}
    yield "GET", f"{MODEL}/get", {"name": "greek-alpha"}
    yield "GET", f"{MODEL}/get", {"name": "nobody"}


def versions() -> Iterator[Call]:
    """Versions, their tags, descriptions, stages and aliases, and copies."""
    for number in range(3):
        tags = [{"key": "n", "value": str(number)}]
        body = {"name": "greek-alpha", "source": SOURCE.format(number), "tags": tags, "run_link": "link"}
        yield "POST", f"{VERSION}/create", body | {"description": "words"}
    yield "POST", f"{VERSION}/create", {"name": "greek-beta", "source": SOURCE.format("b")}
    yield "POST", f"{VERSION}/create", {"name": "nobody", "source": SOURCE.format("x")}
    yield "POST", f"{VERSION}/create", {"name": "greek-alpha", "source": "models:/nobody/1"}
    yield "POST", f"{VERSION}/create", {"name": "greek-alpha", "source": "file:///etc"}
    yield "POST", f"{VERSION}/create", {"name": "greek-copy", "source": "models:/greek-alpha/1"}
    yield "POST", f"{MODEL}/create", {"name": "greek-copy"}
    yield "POST", f"{VERSION}/create", {"name": "greek-copy", "source": "models:/greek-alpha/1"}
    yield "GET", f"{VERSION}/get-download-uri", {"name": "greek-copy", "version": "1"}
    yield "GET", f"{VERSION}/get", {"name": "greek-alpha", "version": "02"}
    yield "GET", f"{VERSION}/get", {"name": "greek-alpha", "version": "two"}
    yield "GET", f"{VERSION}/get", {"name": "greek-alpha", "version": "99"}
    yield "PATCH", f"{VERSION}/update", {"name": "greek-alpha", "version": "1", "description": "new words"}
    yield "PATCH", f"{VERSION}/update", {"name": "greek-alpha", "version": "1"}
    yield "POST", f"{VERSION}/set-tag", {"name": "greek-alpha", "version": "1", "key": "k", "value": "v"}
    yield "POST", f"{VERSION}/set-tag", {"name": "greek-alpha", "version": "99", "key": "k", "value": "v"}
    yield "DELETE", f"{VERSION}/delete-tag", {"name": "greek-alpha", "version": "1", "key": "k"}
    for alias, version in (("b", "1"), ("b", "2"), ("v1", "1"), ("a b", "1"), ("latest", "1"), ("b", "99")):
        yield "POST", f"{MODEL}/alias", {"name": "greek-alpha", "alias": alias, "version": version}
    for alias in ("b", "latest", "nobody"):
        yield "GET", f"{MODEL}/alias", {"name": "greek-alpha", "alias": alias}
    yield "DELETE", f"{MODEL}/alias", {"name": "greek-alpha", "alias": "nobody"}
    for version, stage, archive in (("1", "Staging", False), ("2", "archived", False), ("3", "Space", False)):
        body = {
            "name": "greek-alpha",
            "version": version,
            "stage": stage,
            "archive_existing_versions": archive,
        }
        yield "POST", f"{VERSION}/transition-stage", body
    yield "POST", f"{MODEL}/get-latest-versions", {"name": "greek-alpha"}
    yield "POST", f"{MODEL}/get-latest-versions", {"name": "greek-alpha", "stages": ["Staging", "None"]}


def searches() -> Iterator[Call]:
    """Filters, orders and pages, right and wrong."""
    for wanted in ("name ILIKE 'GREEK-A%'", "tags.team = 'greek-beta'", "tags.kind != 'x'", "x ="):
        yield "GET", f"{MODEL}/search", {"filter": f"{OURS} AND {wanted}"}
    for order in ("name DESC", "name ASC", "name SIDEWAYS"):
        yield "GET", f"{MODEL}/search", {"filter": OURS, "order_by": order, "max_results": 2}
    yield "GET", f"{MODEL}/search", {"max_results": 2, "page_token": "nonsense"}
    yield "GET", f"{MODEL}/search", {"max_results": 100_000}
    for wanted in ("version_number > 1", "tags.n = '0'", "source_path = 's3://bucket/1'", "x ="):
        yield "GET", f"{VERSION}/search", {"filter": f"{OURS} AND {wanted}"}
    page = {"order_by": "version_number ASC", "max_results": 2}
    yield "GET", f"{VERSION}/search", {"filter": "name = 'greek-alpha'"} | page


def prompts() -> Iterator[Call]:
    """Prompts, which are registered models too."""
    text = {"key": "mlflow.prompt.text", "value": "Hello {{name}}"}
    yield "POST", f"{MODEL}/create", {"name": "greek-greeting", "tags": [PROMPT]}
    yield (
        "POST",
        f"{VERSION}/create",
        {"name": "greek-greeting", "source": "dummy-source", "tags": [PROMPT, text]},
    )
    yield (
        "POST",
        f"{VERSION}/create",
        {"name": "greek-greeting", "source": "dummy-source", "tags": [PROMPT, text]},
    )
    yield "POST", f"{MODEL}/alias", {"name": "greek-greeting", "alias": "champion", "version": "2"}
    yield "GET", f"{MODEL}/alias", {"name": "greek-greeting", "alias": "champion"}
    yield "POST", f"{MODEL}/set-tag", {"name": "greek-greeting", "key": "team", "value": "care"}
    yield "POST", f"{VERSION}/set-tag", {"name": "greek-greeting", "version": "1", "key": "k", "value": "v"}
    yield "PATCH", f"{VERSION}/update", {"name": "greek-greeting", "version": "1", "description": "first"}
    yield "POST", f"{VERSION}/create", {"name": "greek-alpha", "source": "models:/greek-greeting/1"}
    yield "GET", f"{MODEL}/search", {"filter": f"{OURS} AND {PROMPTS}"}
    yield (
        "GET",
        f"{VERSION}/search",
        {"filter": f"name = 'greek-greeting' AND {PROMPTS}"},
    )
    yield "DELETE", f"{MODEL}/alias", {"name": "greek-greeting", "alias": "champion"}
    yield "DELETE", f"{VERSION}/delete", {"name": "greek-greeting", "version": "1"}
    yield "DELETE", f"{MODEL}/delete", {"name": "greek-greeting"}


def endings() -> Iterator[Call]:
    """Versions and models that go."""
    for version in ("1", "1", "two"):
        yield "DELETE", f"{VERSION}/delete", {"name": "greek-alpha", "version": version}
    yield "GET", f"{VERSION}/get", {"name": "greek-alpha", "version": "1"}
    yield "GET", f"{VERSION}/get-download-uri", {"name": "greek-copy", "version": "1"}
    for name in ("greek-alpha", "greek-alpha", "nobody"):
        yield "DELETE", f"{MODEL}/delete", {"name": name}
    yield "GET", f"{VERSION}/search", {"filter": "name = 'greek-alpha'"}
    yield "POST", f"{MODEL}/create", {"name": "greek-alpha"}
    yield "POST", f"{VERSION}/create", {"name": "greek-alpha", "source": SOURCE.format("again")}
    yield "GET", f"{MODEL}/search", {"filter": OURS}


def play(world: Any) -> list[tuple[Call, int, Any]]:
    """Every answer of a world, without what must differ."""
    told = []
    for call in script():
        method, path, body = call
        given = {"params": body} if method == "GET" else {"json": body}
        answer = world.send(method, f"api/2.0/mlflow/{path}", **given)
        # MLflow's log-in refuses in plain text.
        said = answer.json() if answer.text.startswith("{") else answer.text
        told.append((call, answer.status_code, alike(said)))
    return told


def alike(value: Any) -> Any:
    """A JSON value without times, ids and the plugin's own tags."""
    if isinstance(value, list):
        return [alike(item) for item in value if not is_ours(item)]
    if isinstance(value, dict):
        kept = {key: alike(item) for key, item in value.items() if not UNLIKE.search(key)}
        # Where MLflow has no tags it has no list of them either.
        return {key: item for key, item in kept.items() if item != []}
    return value


def is_ours(item: Any) -> bool:
    """Whether something in a list is a tag of the plugin."""
    return isinstance(item, dict) and str(item.get("key", "")).startswith("governance.")


@pytest.mark.parametrize("kind", ["uvicorn", "gunicorn"])
def test_an_unmodified_mlflow_behaves_as_before(worlds: Callable[[str], Any], kind: str) -> None:
    """Results, order, pages, and the status, code and words of each error."""
    stock, governed = (worlds(f"{which}-{kind}") for which in ("stock", "governed"))
    if kind == "gunicorn":
        stock, governed = (world.elsewhere("other") for world in (stock, governed))

    theirs, ours = play(stock), play(governed)

    for one, other in zip(theirs, ours, strict=True):
        assert one == other
