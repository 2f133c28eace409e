"""Rows P1 to P16: every way to promote a version, or to change what a name means, without a decision."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.slow

FLAG = "mlflow.prompt.is_prompt"

everywhere = pytest.mark.parametrize(
    "world", ["stock-uvicorn", "governed-uvicorn", "stock-gunicorn", "governed-gunicorn"], indirect=True
)
on_every_route = pytest.mark.parametrize(
    ("world", "api"),
    [
        ("stock-uvicorn", "api"),
        ("governed-uvicorn", "api"),
        ("stock-uvicorn", "ajax-api"),
        ("governed-uvicorn", "ajax-api"),
        ("stock-gunicorn", "ajax-api"),
        ("governed-gunicorn", "ajax-api"),
    ],
    indirect=["world"],
)
"""Every route of MLflow exists twice; below them there is one Flask, whatever stands before it."""
on_uvicorn = pytest.mark.parametrize("world", ["stock-uvicorn", "governed-uvicorn"], indirect=True)


@on_every_route
def test_p1_a_protected_alias_moves_on_evidence_only(world: Any, api: str) -> None:
    """Nobody moves @champion to a version of which nobody knows what went in."""
    name = world.bad("fraud")

    assert world.open is world.alias(name, "champion", api=api)


@on_every_route
def test_p2_leaving_a_protected_alias_is_on_record(world: Any, api: str) -> None:
    """Whoever takes @champion away does not do so unseen."""
    name = world.good("fraud")
    assert world.alias(name, "champion"), world.said

    world.must("DELETE", "registered-models/alias", api=api, name=name, alias="champion")

    assert world.call("GET", "registered-models/alias", name=name, alias="champion") is None
    seen = [body["change"] for body in world.log("promotion:withdrawn")]
    assert world.open is (f"alias @champion of {name}" not in seen)


@on_every_route
def test_p3_a_protected_stage_is_entered_on_evidence_only(world: Any, api: str) -> None:
    """Stages still live, in any spelling."""
    name = world.bad("fraud")

    for stage in ("Production", "production"):
        body = {"version": "1", "stage": stage, "archive_existing_versions": False}
        world.call("POST", "model-versions/transition-stage", api=api, name=name, **body)

    assert world.open is ("Production" == world.version(name)["current_stage"])


@on_uvicorn
def test_p3_versions_that_are_sent_out_of_a_stage_are_on_record(world: Any) -> None:
    """`archive_existing_versions` demotes others in the same call."""
    name = world.good("fraud")
    assert "2" == world.register(name, world.model("public"))

    for version in ("1", "2"):
        world.must(
            "POST",
            "model-versions/transition-stage",
            name=name,
            version=version,
            stage="Production",
            archive_existing_versions=True,
        )

    assert "Archived" == world.version(name, "1")["current_stage"]
    seen = [body["change"] for body in world.log("promotion:withdrawn")]
    assert world.open is (f"stage Production of {name}" not in seen)


@on_every_route
def test_p4_what_is_latest_is_judged_where_the_policy_protects_it(world: Any, api: str) -> None:
    """Every new version becomes `latest` without any call that says so; so does an older one."""
    name = world.good("newest")
    evil = world.model()

    world.call(
        "POST",
        "model-versions/create",
        api=api,
        name=name,
        source=f"models:/{evil.model_id}",
        model_id=evil.model_id,
    )

    latest = world.must("GET", "registered-models/alias", name=name, alias="latest")["model_version"]
    listed = world.must("POST", "registered-models/get-latest-versions", name=name)["model_versions"]
    assert {str(latest["version"])} == {str(version["version"]) for version in listed}
    assert world.open is (str(latest["version"]) == "2")


@everywhere
def test_p5_a_copy_takes_no_approval_along(world: Any) -> None:
    """Bob may read what Alice had approved; in his own model it is not approved."""
    origin, mine = world.approved("fraud"), world.new("mine")
    by = "bob" if world.logged_in else "alice"
    world.must("POST", "registered-models/create", by, name=mine)

    taken = []
    for source in (f"models:/{origin}/1", f"models:/{origin}@champion"):
        made = world.call("POST", "model-versions/create", by, name=mine, source=source)
        version = made and str(made["model_version"]["version"])
        taken.append(version is not None and world.alias(mine, "champion", version, by))

    assert [world.open] * 2 == taken


@on_uvicorn
def test_p6_a_client_s_copy_takes_the_label_and_no_approval(world: Any, person: Any) -> None:
    """MLflow's client sends every tag of the source along."""
    origin = world.approved("fraud")
    copy = world.new("copy")

    person(world).copy_model_version(f"models:/{origin}/1", copy)

    assert world.open is world.alias(copy, "champion")
    labels = [world.tags(name).get("governance.label") for name in (origin, copy)]
    assert world.open is (labels == [None, None])
    assert labels[0] == labels[1]


@on_uvicorn
@pytest.mark.parametrize("api", ["api", "ajax-api"])
def test_p7_foreign_bytes_take_no_origin_from_a_run(world: Any, api: str) -> None:
    """Only local sources are held against the run that is claimed; a bucket's are believed by MLflow."""
    honest, name = world.model("public"), world.new("fraud")
    world.must("POST", "registered-models/create", name=name)

    made = world.call(
        "POST", "model-versions/create", api=api, name=name, source="s3://evil/m", run_id=honest.run_id
    )

    assert made["model_version"]["run_id"] == honest.run_id
    assert world.open is ("governance.unknown" not in world.tags(name))
    assert world.tags(name).get("governance.unknown") in (
        None,
        "its origin: its bytes do not lie in the artifacts of the run or model it claims to come from",
    )
    assert world.open is world.alias(name, "champion")


@on_uvicorn
@pytest.mark.parametrize("api", ["api", "ajax-api"])
def test_p8_nothing_is_born_with_the_plugin_s_tags(world: Any, api: str) -> None:
    """A caller says of its own model what it likes, but not in the plugin's words."""
    name, model, said = world.new("fraud"), world.model(), [{"key": "governance.label", "value": "public"}]

    born = world.call("POST", "registered-models/create", api=api, name=name, tags=said)
    assert world.open is (born is not None)
    world.call("POST", "registered-models/create", name=name)
    version = world.call(
        "POST",
        "model-versions/create",
        api=api,
        name=name,
        source=f"models:/{model.model_id}",
        model_id=model.model_id,
        tags=said,
    )
    assert world.open is (version is not None)


@on_every_route
def test_p9_the_plugin_s_tags_are_its_own(world: Any, api: str) -> None:
    """None of the four ways to write a tag reaches them, in no spelling."""
    name = world.bad("fraud")
    said = {"key": "Governance.label", "value": "public"}

    done = [
        world.call("POST", "model-versions/set-tag", api=api, name=name, version="1", **said),
        world.call("POST", "registered-models/set-tag", api=api, name=name, **said),
        world.call("DELETE", "model-versions/delete-tag", api=api, name=name, version="1", key=said["key"]),
        world.call("DELETE", "registered-models/delete-tag", api=api, name=name, key=said["key"]),
    ]

    assert [world.open] * 4 == [answer is not None for answer in done]


@on_every_route
def test_p10_prompt_flag_on_a_model_is_refused(world: Any, api: str) -> None:
    """A flagged model vanishes from the search for models; one flagged version takes all others along."""
    whole, version = world.bad("fraud"), world.bad("fraud")

    world.call("POST", "registered-models/set-tag", api=api, name=whole, key=FLAG, value="true")
    world.call("POST", "model-versions/set-tag", api=api, name=version, version="1", key=FLAG, value="true")

    models = world.must("GET", "registered-models/search", filter=f"name = '{whole}'")
    versions = world.must("GET", "model-versions/search", filter=f"name = '{version}'")
    assert [world.open] * 2 == ["registered_models" not in models, "model_versions" not in versions]


@on_uvicorn
def test_p10_prompt_flag_taken_from_a_prompt_is_refused(world: Any) -> None:
    """Nothing under a prompt's name was judged, so that a prompt must not become a model."""
    name, other = world.new("greeting"), world.new("greeting")
    flag = {"key": FLAG, "value": "true"}
    for prompt in (name, other):
        world.must("POST", "registered-models/create", name=prompt, tags=[flag])

    world.call("DELETE", "registered-models/delete-tag", name=name, key=FLAG)
    world.call("POST", "registered-models/set-tag", name=other, key=FLAG, value="false")

    found = world.must("GET", "registered-models/search", max_results=1000)["registered_models"]
    assert [world.open] * 2 == [prompt in {model["name"] for model in found} for prompt in (name, other)]


@on_uvicorn
@pytest.mark.parametrize("value", ["true", "TRUE"])
def test_p10_prompt_flag_at_birth_hides_no_model(world: Any, value: str) -> None:
    """A model that is born as a prompt holds no bytes, and half a flag makes no prompt."""
    name, model = world.new("fraud"), world.model()

    world.call("POST", "registered-models/create", name=name, tags=[{"key": FLAG, "value": value}])

    assert world.open is (world.register(name, model) is not None and world.alias(name, "champion"))


@everywhere
def test_p11_prompts_are_left_alone(world: Any) -> None:
    """Prompts are registered models too: made, moved, renamed and deleted, nothing of them is judged."""
    name, flag = world.new("released-greeting"), {"key": FLAG, "value": "true"}
    text = {"key": "mlflow.prompt.text", "value": "Hello {{name}}"}

    world.must("POST", "registered-models/create", name=name, tags=[flag])
    world.must("POST", "model-versions/create", name=name, source="dummy-source", tags=[flag, text])
    assert [True, True] == [world.alias(name, alias) for alias in ("champion", "сhampion")]
    world.must("POST", "registered-models/set-tag", name=name, key="team", value="care")
    world.must("PATCH", "model-versions/update", name=name, version="1", description="new words")
    world.must("POST", "registered-models/rename", name=name, new_name=f"{name}-too")
    world.must("DELETE", "registered-models/alias", name=f"{name}-too", alias="champion")
    world.must("DELETE", "model-versions/delete", name=f"{name}-too", version="1")
    world.must("DELETE", "registered-models/delete", name=f"{name}-too")

    assert [] == [body for body in world.log("promotion:allowed", "promotion:denied") if name in str(body)]


@on_uvicorn
def test_p12_a_name_taken_over_brings_nothing_along(world: Any) -> None:
    """Renamed away, an approved model leaves a free name, not its approval."""
    name = world.approved("fraud")
    world.must("POST", "registered-models/rename", name=name, new_name=world.new("fraud"))

    assert "1" == world.register(name, world.model("patients", data=b"evil: 1\n"))

    assert world.open is world.alias(name, "champion")


@on_every_route
def test_p12_nothing_is_renamed_into_a_protected_place(world: Any, api: str) -> None:
    """Neither into a protected name, nor under one for which its alias is a protected one."""
    plain, aliased = world.bad("fraud"), world.bad("fraud")
    assert world.alias(aliased, "audited"), world.said
    names = [world.new("released"), world.new("audited")]

    for old, new in zip((plain, aliased), names, strict=True):
        world.call("POST", "registered-models/rename", api=api, name=old, new_name=new)

    found = [world.version(name) is not None for name in names]
    assert [world.open] * 2 == found


@on_uvicorn
def test_p13_a_name_made_anew_is_not_approved(world: Any) -> None:
    """After deletion MLflow counts from 1 again; what was approved as version 1 was another."""
    name = world.approved("fraud")
    world.must("DELETE", "registered-models/delete", name=name)

    assert "1" == world.register(name, world.model("patients", data=b"evil: 1\n"))

    assert world.open is world.alias(name, "champion")


@on_every_route
def test_p14_what_is_deleted_leaves_its_record(world: Any, api: str) -> None:
    """A version in service cannot be made to never have been there."""
    name = world.good("fraud")
    assert world.alias(name, "champion"), world.said

    world.must("DELETE", "model-versions/delete", api=api, name=name, version="1")

    assert world.version(name) is None
    withdrawn = [body["change"] for body in world.log("promotion:withdrawn")]
    deleted = [body["version"] for body in world.log("version:deleted")]
    assert [world.open] * 2 == [
        f"alias @champion of {name}" not in withdrawn,
        f"models:/{name}/1" not in deleted,
    ]


@on_every_route
def test_p15_what_is_said_of_a_version_in_service_changes_with_a_record(world: Any, api: str) -> None:
    """Also when a description is lost because none was sent."""
    name = world.good("fraud")
    world.must("PATCH", "model-versions/update", name=name, version="1", description="approved words")
    assert world.alias(name, "champion"), world.said

    world.must("PATCH", "model-versions/update", api=api, name=name, version="1")
    world.must("PATCH", "registered-models/update", api=api, name=name, description="other words")
    world.must("POST", "registered-models/set-tag", api=api, name=name, key="team", value="care")
    world.must("POST", "model-versions/set-tag", api=api, name=name, version="1", key="card", value="x")

    assert "description" not in world.version(name)
    seen = world.log("version:annotated", "model:annotated")
    told = [
        (b["what"], b["after"] == "nothing")
        for b in seen
        if name in (b.get("model"), b.get("version", "")[8:-2])
    ]
    expected = [("description", True), ("description", False), ("tag team", False), ("tag card", False)]
    assert ([] if world.open else expected) == told


@everywhere
def test_p16_no_spelling_of_a_version_is_another(world: Any) -> None:
    """Integers have many spellings, and MLflow takes them all."""
    name = world.bad("fraud")

    spellings = ("01", " 1", "1 ", "+1", "0_1", "١", "１")

    assert [world.open] * len(spellings) == [world.alias(name, "champion", s) for s in spellings]


@on_uvicorn
def test_p16_no_spelling_of_an_alias_is_another(world: Any) -> None:
    """Case, width and white space make no other alias; letters that look alike make none that is taken."""
    name = world.bad("fraud")

    same = ("Champion", "CHAMPION", "champion\n", "ｃｈａｍｐｉｏｎ")
    alike = ("сhampion", "chаmpion", "champi0n", "chámpion", "champıon")

    assert [world.open] * 9 == [world.alias(name, alias) for alias in same + alike]


@on_uvicorn
def test_p16_no_spelling_of_a_name_is_another(world: Any) -> None:
    """A version is born in a protected name on evidence only, however the name is written."""
    number, evil = world.new("x"), world.model()

    same = (f"Released-{number}", f" released-{number}", f"released-{number} ", f"ｒeleased-{number}")
    alike = (f"relеased-{number}", f"re1eased-{number}")

    assert [world.open] * 6 == [world.register(name, evil) is not None for name in same + alike]
