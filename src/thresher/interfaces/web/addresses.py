"""Names and addresses under which a server is reached."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress
from urllib.parse import urlsplit

_LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain"})


def is_loopback(name: str) -> bool:
    """Return whether a host name or address, without a port, is this machine itself."""
    bare = name.strip("[]").rstrip(".").casefold()
    if bare in _LOOPBACK_NAMES or bare.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


def is_wildcard(host: str) -> bool:
    """Return whether a server with this address listens at all addresses of the machine."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_unspecified
    return host == ""


def host_name(header: str) -> str | None:
    """Return the name in a Host header or the host part of an Origin, without the port; None if it is malformed."""
    try:
        return urlsplit(f"//{header}").hostname
    except ValueError:
        return None


def names_of_this_machine(host: str) -> frozenset[str]:
    """Return the names under which a server that listens at `host` may be addressed, in small letters.

    The address to which a client connects is allowed besides them.
    """
    own = socket.gethostname().casefold()
    short = own.partition(".")[0]
    return frozenset({host.casefold(), own, short, f"{short}.local"})


def url(host: str, port: int) -> str:
    """Return the address of a room, without a token."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"
