"""The header of a reverse proxy: who may send it, and what may stand in it."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from governance.errors import UsageError
from governance.settings import Settings
from governance_mlflow.callers import proxies
from governance_mlflow.callers.identity import Identity
from governance_mlflow.callers.proxies import trusted_header

PROXY = "10.0.0.5"
ANN = Identity("ann", frozenset(), "header")


def configured(**settings: str) -> Any:
    """A header that counts from two networks and one address."""
    given = {"trusted_user_header": "X-User", "trusted_groups_header": "X-Groups"}
    return trusted_header(
        Settings(**{**given, "trusted_proxies": "10.0.0.0/24, fd00::/64,192.0.2.7", **settings})
    )


def sent(*values: tuple[str, bytes]) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI has them."""
    return [(name.encode(), value) for name, value in values]


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted"),
    [
        (PROXY, None, True),
        ("192.0.2.7", None, True),
        ("fd00::1", None, True),
        ("::ffff:10.0.0.5", None, True),
        (PROXY, b"203.0.113.9", True),
        (PROXY, b"10.0.0.51, 110.0.0.5", True),
        ("192.0.2.8", None, False),
        ("fd00:1::1", None, False),
        ("", None, False),
        (None, None, False),
        ("unix:", None, False),
        # uvicorn has put these addresses where the connection's was.
        (PROXY, b"10.0.0.5", False),
        (PROXY, b"203.0.113.9,10.0.0.5:4711", False),
        ("fd00::1", b"[fd00::1]:4711, 203.0.113.9", False),
    ],
)
def test_only_a_proxy_s_word_counts(peer: str | None, forwarded: bytes | None, trusted: bool) -> None:
    """The address at the other end decides, and not one that the request brought along."""
    headers = sent(("x-user", b"ann"), *([("x-forwarded-for", forwarded)] if forwarded else []))

    assert (ANN if trusted else None) == configured().identify(peer, headers)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ([b"ann"], "ann"),
        ([b" ann@clinic.example\t"], "ann@clinic.example"),
        (["Zoë Müller".encode()], "Zoë Müller"),
        ([b"a" * 200], "a" * 200),
        ([], None),
        ([b""], None),
        ([b"  "], None),
        ([b"ann", b"ann"], None),
        ([b"ann,eve"], None),
        ([b"ann\x00"], None),
        ([b"ann\x1b[2J"], None),
        ([b"ann\r\neve"], None),
        (["ann\u202eeve".encode()], None),
        ([b"\xff"], None),
        ([b"a" * 201], None),
    ],
)
def test_one_printable_name_is_expected(values: list[bytes], name: str | None) -> None:
    """Two values, control characters, what is no text and what is too long name nobody."""
    found = configured().identify(PROXY, sent(*[("x-user", value) for value in values]))

    assert name == (found and found.name)


@pytest.mark.parametrize(
    ("values", "groups"),
    [
        ([], set()),
        ([b"dpo"], {"dpo"}),
        ([b"dpo, it ,,dpo"], {"dpo", "it"}),
        ([b",".join(b"g%d" % n for n in range(500))], {f"g{n}" for n in range(500)}),
        ([b"dpo", b"it"], None),
        ([b"dpo,it\x07"], None),
        ([b",".join(b"g%d" % n for n in range(501))], None),
    ],
)
def test_groups_are_told_whole_or_not_at_all(values: list[bytes], groups: set[str] | None) -> None:
    """Where the list cannot be read, nobody is identified: half of somebody's groups are not theirs."""
    headers = sent(("x-user", b"ann"), *[("x-groups", value) for value in values])
    found = configured().identify(PROXY, headers)

    assert groups == (found and found.groups)


def test_groups_nobody_asked_for_are_not_read() -> None:
    """Without a header that was configured for them, there are none."""
    header: Any = trusted_header(Settings(trusted_user_header="X-User", trusted_proxies="10.0.0.5"))

    assert ANN == header.identify(PROXY, sent(("x-user", b"ann"), ("x-groups", b"dpo")))


def test_an_ignored_header_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """The operator hears why, with the way out; whoever sends it again cannot fill the log."""
    proxies._warn.cache_clear()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            configured().identify("203.0.113.9", sent(("x-user", b"ann")))

    (record,) = caplog.records
    assert "X-User was ignored" in record.getMessage()
    assert "--no-proxy-headers" in record.getMessage()
    assert "ann" not in record.getMessage()


def test_no_header_no_trust() -> None:
    """It is off unless it is asked for."""
    assert trusted_header(Settings()) is None


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"trusted_proxies": ""}, "no proxy may name the user"),
        ({"trusted_proxies": "10.0.0.0/24,0.0.0.0/0"}, "trusts every address"),
        ({"trusted_proxies": "::/0"}, "trusts every address"),
        ({"trusted_proxies": "proxy.internal"}, "GOVERNANCE_TRUSTED_PROXIES is wrong: 'proxy.internal'"),
        ({"trusted_proxies": "10.0.0.5/24"}, "has host bits set"),
        ({"trusted_user_header": "X_User"}, "'X_User' cannot be a header"),
        ({"trusted_user_header": "X-User:"}, "'X-User:' cannot be a header"),
        ({"trusted_groups_header": "x-USER"}, "both the user and the groups"),
    ],
)
def test_a_setting_that_trusts_nobody_or_everybody(settings: dict[str, str], expected: str) -> None:
    """Wrong settings are refused before anybody is believed."""
    with pytest.raises(UsageError, match=expected.replace("(", r"\(")) as caught:
        configured(**settings)

    assert "GOVERNANCE_TRUSTED_" in caught.value.remedy


def test_half_a_setting() -> None:
    """Proxies without a header: somebody forgot the one thing that matters."""
    with pytest.raises(UsageError, match="USER_HEADER is not set"):
        trusted_header(Settings(trusted_proxies="10.0.0.5"))
