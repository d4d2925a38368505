"""A container's own network, with addresses that nobody else has."""

from __future__ import annotations

import secrets
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from docker.errors import APIError  # type: ignore[import-untyped]
from docker.types import IPAMConfig, IPAMPool  # type: ignore[import-untyped]
from testcontainers.core.network import Network

# Kept for measuring networks (RFC 2544), so that it hides nobody's own. Left to itself, an engine
# has some 30 networks to give, and those of an engine that was killed stay taken.
_SUBNETS = tuple(IPv4Network("198.18.0.0/15").subnets(new_prefix=28))


def create(labels: dict[str, str]) -> Network:
    """A new network.

    Not the engine's common one: on it, the addresses of containers whose engine was killed may
    still be taken, without its knowing.
    """
    with suppress(APIError):
        return _create(labels)
    return _create(labels)  # another process took the same subnet in that moment


def _create(labels: dict[str, str]) -> Network:
    routed = _routed()
    subnet = secrets.choice([s for s in _SUBNETS if s.network_address not in routed])
    ipam = IPAMConfig(pool_configs=[IPAMPool(subnet=str(subnet))])
    return Network(docker_network_kw={"labels": labels, "ipam": ipam}).create()


def _routed() -> set[IPv4Address]:
    """The networks that this machine has a way to, whoever made them."""
    routes = Path("/proc/net/route").read_text(encoding="ascii").splitlines()[1:]
    return {IPv4Address(bytes.fromhex(route.split()[1])[::-1]) for route in routes}
