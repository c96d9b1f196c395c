"""Where traffic may go: nowhere, unless the workspace lists the host and its addresses are private or listed.

A wrong host is production. The check runs before a run in the parent, and again in the process that sends.
"""

from __future__ import annotations

import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from campaign.errors import Problem, UserError
from campaign.language import Text, say

Address = IPv4Address | IPv6Address
OK_PATH = "/.well-known/load-test-ok"


@dataclass(frozen=True)
class Target:
    """A host that traffic may go to. `addresses` are those that were checked."""

    url: str
    host: str
    port: int
    loopback: bool
    addresses: tuple[str, ...] = ()


def checked_target(url: str, allowed_hosts: Sequence[str], confirmed: str | None) -> Target:
    """The target behind `url`, when traffic may go there.

    Loopback is always allowed. Any other host must stand in `allowed_hosts` (a name, an address or a network such as
    10.0.0.0/8), each address it resolves to must be private or in a listed network, and `confirmed` must repeat it.

    Raises:
        UserError: not a URL, does not resolve, or not allowed.
    """
    host, port = _host_and_port(url)
    addresses = _resolved(host, port)
    loopback = all(address.is_loopback for address in addresses)
    if not loopback:
        _require_listed(host, addresses, allowed_hosts)
        if confirmed != host:
            raise _refusal(
                say("{host} is not this machine", host=host), say("repeat it to confirm: --confirm {host}", host=host)
            )
    return Target(url.rstrip("/"), host, port, loopback, tuple(str(address) for address in addresses))


def target_of(url: str) -> Target:
    """The target behind `url`, for what only writes about it; nothing is checked but that it is a URL."""
    host, port = _host_and_port(url)
    return Target(url.rstrip("/"), host, port, loopback=False)


def addresses_of(target: Target) -> list[Address]:
    """Raises UserError where its name does not resolve here."""
    return _resolved(target.host, target.port)


def require_listening(target: Target, seconds: float = 3.0) -> None:
    """Raises UserError where nothing accepts a connection at the target, or its certificate is not trusted."""
    try:
        connection = socket.create_connection((target.host, target.port), timeout=seconds)
    except OSError as error:
        reason = error.strerror or str(error)
        raise _refusal(
            say("nothing answers at {host}:{port}: {reason}", host=target.host, port=target.port, reason=reason),
            say("start it, or correct the address"),
        ) from error
    with connection:
        if target.url.startswith("https:"):
            _require_trusted(connection, target)


def require_marked(target: Target, marker: str, seconds: float = 5.0) -> None:
    """Ask a target that is not this machine whether it is there to be tested: it must answer 200 at `OK_PATH`.

    A wrong host that is in the list by mistake does not answer so. Redirects are not followed.

    Raises:
        UserError: it does not answer 200.
    """
    if target.loopback:
        return
    request = urllib.request.Request(target.url + OK_PATH, headers={"X-Load-Test": marker, "User-Agent": marker})
    reason = ""
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=seconds) as reply:
            if reply.status == 200:
                return
            reason = str(reply.status)
    except urllib.error.HTTPError as error:
        with error:
            reason = str(error.code)
    except OSError as error:
        reason = str(getattr(error, "reason", error))
    raise _refusal(
        say("{host} does not say that it may be tested: {reason}", host=target.host, reason=reason),
        say("let it answer GET {path} with 200, on test systems only", path=OK_PATH),
    )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: object) -> None:
        return None


def _require_trusted(connection: socket.socket, target: Target) -> None:
    try:
        ssl.create_default_context().wrap_socket(connection, server_hostname=target.host).close()
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "verify_message", None) or getattr(error, "reason", None) or str(error)
        raise _refusal(
            say("the certificate of {host} is not trusted: {reason}", host=target.host, reason=reason),
            say("export SSL_CERT_FILE=… with the certificate of its issuer, or test without TLS"),
        ) from error


def _host_and_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in ("http", "https") or not parts.hostname or port == -1:
        raise _refusal(say("{url} is not an http address", url=url), say("write it as http://shop.staging:8080"))
    return parts.hostname, port or (443 if parts.scheme == "https" else 80)


def _resolved(host: str, port: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        reason = error.strerror or str(error)
        raise _refusal(
            say("{host} does not resolve: {reason}", host=host, reason=reason), say("correct the name, or your DNS")
        ) from error
    return [ip_address(entry[4][0]) for entry in found]


def _require_listed(host: str, addresses: Sequence[Address], allowed_hosts: Sequence[str]) -> None:
    networks = [n for n in map(_network, allowed_hosts) if n is not None]
    listed = [a for a in addresses if any(a.version == n.version and a in n for n in networks)]
    if host not in allowed_hosts and len(listed) < len(addresses):
        raise _refusal(
            say("{host} is not in allowed_hosts", host=host),
            say("add it to allowed_hosts in surgeplan.yaml once its owner agrees to the test"),
        )
    public = [a for a in addresses if a not in listed and not (a.is_private or a.is_loopback)]
    if public:
        raise _refusal(
            say("{host} resolves to the public address {address}", host=host, address=str(public[0])),
            say("add that address or its network to allowed_hosts if it is yours"),
        )


def _network(text: str):  # type: ignore[no-untyped-def]
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _refusal(what: Text, todo: Text) -> UserError:
    return UserError(Problem(what, todo, key="--host"))
