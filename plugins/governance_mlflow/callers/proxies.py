"""Who a reverse proxy says is calling: a header that counts only from the proxies that were named."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from governance.errors import UsageError
from governance.settings import Settings
from governance_mlflow.callers.identity import HEADER, Identity

_logger = logging.getLogger(__name__)

LONGEST_NAME = 200
MOST_GROUPS = 500
FORWARDED = b"x-forwarded-for"
_TOKEN = re.compile(r"[A-Za-z0-9-]+")

Headers = Sequence[tuple[bytes, bytes]]
"""Names in lower case, each with its value, as ASGI has them."""


@dataclass(frozen=True)
class TrustedHeader:
    """The header that names the user, the one that lists the groups, and the proxies that may send them."""

    user: str
    groups: str | None
    proxies: tuple[IPv4Network | IPv6Network, ...]

    def identify(self, peer: str | None, headers: Headers) -> Identity | None:
        """The person named in a request, None if it names nobody or did not come from a trusted proxy.

        Args:
            peer: The address at the other end of the connection.
            headers: All headers of the request.
        """
        named = _values(headers, self.user)
        if not named:
            return None
        if not self._trusts(peer, headers):
            _warn(self.user, "it did not come from one of GOVERNANCE_TRUSTED_PROXIES")
            return None
        name = _one(named)
        listed = _groups(_values(headers, self.groups)) if self.groups else frozenset()
        if name is None or "," in name or listed is None:
            _warn(self.user, f"it, or its groups, are no printable names of at most {LONGEST_NAME} letters")
            return None
        return Identity(name, listed, HEADER)

    def _trusts(self, peer: str | None, headers: Headers) -> bool:
        """Whether the other end is a trusted proxy.

        uvicorn puts an address out of X-Forwarded-For in the place of a proxy on its own machine. An
        address that the request brought along proves nothing, whoever put it there.
        """
        if not peer:
            return False
        brought = rf"(?<![0-9a-fA-F.:]){re.escape(peer)}(?![0-9a-fA-F.])"
        if any(re.search(brought, value.decode("latin-1")) for key, value in headers if key == FORWARDED):
            return False
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return any((mapped or address) in network for network in self.proxies)


def trusted_header(settings: Settings) -> TrustedHeader | None:
    """The header that was configured, None if there is none.

    Raises:
        UsageError: the settings do not say which header, or from whom, or trust everybody.
    """
    user, groups, proxies = (
        settings.trusted_user_header,
        settings.trusted_groups_header,
        settings.trusted_proxies,
    )
    if user is None:
        if groups is not None or proxies is not None:
            raise UsageError(
                "GOVERNANCE_TRUSTED_USER_HEADER is not set, but what belongs to it is.",
                "Set it to the header in which your proxy names the user, or unset GOVERNANCE_TRUSTED_*.",
            )
        return None
    for name in filter(None, (user, groups)):
        if not _TOKEN.fullmatch(name):
            raise UsageError(
                f"{name!r} cannot be a header: letters, digits and hyphens are expected.",
                "Set GOVERNANCE_TRUSTED_USER_HEADER=X-Forwarded-User, for example.",
            )
    if groups is not None and groups.lower() == user.lower():
        raise UsageError(
            f"{user!r} cannot hold both the user and the groups.", "Set GOVERNANCE_TRUSTED_GROUPS_HEADER."
        )
    return TrustedHeader(user, groups, _networks(proxies or ""))


@cache
def _warn(header: str, reason: str) -> None:
    """Log it once a process: whoever may send headers could otherwise fill the log."""
    _logger.warning(
        "The header %s was ignored: %s. If uvicorn stands behind a proxy on its own machine, start the "
        "server with --uvicorn-opts=--no-proxy-headers. More of these are ignored without a word.",
        header,
        reason,
    )


def _networks(listed: str) -> tuple[IPv4Network | IPv6Network, ...]:
    remedy = "Set GOVERNANCE_TRUSTED_PROXIES to the addresses of your proxies, such as 10.0.0.5,fd00::/64"
    try:
        networks = tuple(ip_network(part.strip()) for part in listed.split(",") if part.strip())
    except ValueError as error:
        raise UsageError(f"GOVERNANCE_TRUSTED_PROXIES is wrong: {error}.", remedy) from error
    if not networks:
        raise UsageError("GOVERNANCE_TRUSTED_PROXIES is empty: no proxy may name the user.", remedy)
    if any(network.prefixlen == 0 for network in networks):
        raise UsageError("GOVERNANCE_TRUSTED_PROXIES trusts every address there is.", remedy)
    return networks


def _values(headers: Headers, name: str) -> list[bytes]:
    wanted = name.lower().encode()
    return [value for key, value in headers if key == wanted]


def _one(values: list[bytes]) -> str | None:
    """The single value of a header, None unless it is one short, printable text."""
    if len(values) != 1:
        return None
    try:
        text = values[0].decode("utf-8").strip(" \t")
    except UnicodeDecodeError:
        return None
    return text if 0 < len(text) <= LONGEST_NAME and text.isprintable() else None


def _groups(values: list[bytes]) -> frozenset[str] | None:
    """The groups in a header, separated by commas; None if there is something else in it."""
    if len(values) > 1:
        return None
    parts = [part for part in (values[0].split(b",") if values else []) if part.strip(b" \t")]
    named = [_one([part]) for part in parts[: MOST_GROUPS + 1]]
    return None if None in named or len(named) > MOST_GROUPS else frozenset(filter(None, named))
