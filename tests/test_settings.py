"""What can be set, where each value comes from, and what a wrong one says."""

from __future__ import annotations

import pytest

from governance.errors import UsageError
from governance.settings import Settings, acting_user

NAMES = (
    "GOVERNANCE_POLICY",
    "GOVERNANCE_STORE_URI",
    "GOVERNANCE_REGISTRY_URI",
    "GOVERNANCE_FROZEN_ROOT",
    "GOVERNANCE_ACTOR",
    "GOVERNANCE_SIGNING_KEY",
    "GOVERNANCE_STRICT",
    "GOVERNANCE_RECONCILE_MINUTES",
    "GOVERNANCE_TRUSTED_USER_HEADER",
    "GOVERNANCE_TRUSTED_GROUPS_HEADER",
    "GOVERNANCE_TRUSTED_PROXIES",
    "MLFLOW_REGISTRY_URI",
    "MLFLOW_TRACKING_URI",
)


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that sets nothing."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def test_defaults() -> None:
    """Without any variable the policy is the shipped baseline, and there is no database."""
    expected = {
        "policy": "baseline",
        "registry_uri": None,
        "store_uri": None,
        "tracking_uri": None,
        "frozen_root": None,
        "actor": None,
        "signing_key": None,
        "trusted_user_header": None,
        "trusted_groups_header": None,
        "trusted_proxies": None,
        "strict": True,
        "reconcile_minutes": 1440,
    }

    assert expected == Settings().model_dump()


def test_every_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each field has its variable, and the more particular one goes before MLflow's."""
    for name in NAMES:
        typed = {"GOVERNANCE_STRICT": "false", "GOVERNANCE_RECONCILE_MINUTES": "7.5"}
        monkeypatch.setenv(name, typed.get(name, name.lower()))

    expected = {
        "policy": "governance_policy",
        "registry_uri": "governance_registry_uri",
        "store_uri": "governance_store_uri",
        "tracking_uri": "mlflow_tracking_uri",
        "frozen_root": "governance_frozen_root",
        "actor": "governance_actor",
        "signing_key": "governance_signing_key",
        "trusted_user_header": "governance_trusted_user_header",
        "trusted_groups_header": "governance_trusted_groups_header",
        "trusted_proxies": "governance_trusted_proxies",
        "strict": False,
        "reconcile_minutes": 7.5,
    }
    assert expected == Settings().model_dump()


@pytest.mark.parametrize(
    ("environment", "registry", "store"),
    [
        ({"MLFLOW_TRACKING_URI": "sqlite:///a.db"}, "sqlite:///a.db", "sqlite:///a.db"),
        (
            {"MLFLOW_TRACKING_URI": "http://m:5000", "MLFLOW_REGISTRY_URI": "governed+sqlite:///b.db"},
            "governed+sqlite:///b.db",
            "sqlite:///b.db",
        ),
        (
            {"MLFLOW_REGISTRY_URI": "governed+sqlite:///b.db", "GOVERNANCE_REGISTRY_URI": ""},
            "governed+sqlite:///b.db",
            "sqlite:///b.db",
        ),
        (
            {"MLFLOW_REGISTRY_URI": "http://m:5000", "GOVERNANCE_STORE_URI": "sqlite:///c.db"},
            "http://m:5000",
            "sqlite:///c.db",
        ),
    ],
)
def test_the_store_is_the_registry_s_own_database_unless_said(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], registry: str, store: str
) -> None:
    """Empty variables count as unset."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert (registry, store) == (Settings().registry_uri, Settings().database_uri)


def test_arguments_go_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """By field name, as tests and embedding programs write them."""
    monkeypatch.setenv("GOVERNANCE_POLICY", "gdpr")

    assert "health" == Settings(policy="health").policy


def test_passwords_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings can be logged."""
    for name in ("GOVERNANCE_REGISTRY_URI", "GOVERNANCE_STORE_URI", "MLFLOW_TRACKING_URI"):
        monkeypatch.setenv(name, "postgresql://ada:hunter2@db/mlflow")

    assert "hunter2" not in repr(Settings()) + str(Settings())


def test_every_setting_is_described() -> None:
    """The reference page is made from these descriptions."""
    assert {} == {name: field for name, field in Settings.model_fields.items() if not field.description}


def test_who_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The actor that was set, else the operating system's user, else nobody, which is an error."""
    monkeypatch.setenv("LOGNAME", "osuser")
    assert "osuser" == acting_user(Settings())
    monkeypatch.setenv("GOVERNANCE_ACTOR", "ada@clinic")
    assert "ada@clinic" == acting_user(Settings())


def test_a_user_without_a_name_has_to_give_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's user may have no name; an entry without one would be worthless."""

    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 10001")

    monkeypatch.setattr("governance.settings.getuser", nameless)
    with pytest.raises(UsageError, match="GOVERNANCE_ACTOR"):
        acting_user(Settings())
