"""A network for one container, with addresses that nothing else uses."""

from __future__ import annotations

import secrets
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from docker.errors import APIError  # type: ignore[import-untyped]
from docker.types import IPAMConfig, IPAMPool  # type: ignore[import-untyped]
from testcontainers.core.network import Network

# Reserved for benchmarks of networks (RFC 2544), so nothing else uses it. An engine's default pool
# has some 30 networks, and those of a killed engine stay allocated.
_SUBNETS = tuple(IPv4Network("198.18.0.0/15").subnets(new_prefix=28))


def create(labels: dict[str, str]) -> Network:
    """Create a network.

    The engine's common one may contain addresses of containers whose engine was killed, which the
    new engine does not know.
    """
    with suppress(APIError):
        return _create(labels)
    return _create(labels)  # another process took the same subnet


def _create(labels: dict[str, str]) -> Network:
    routed = _routed()
    subnet = secrets.choice([s for s in _SUBNETS if s.network_address not in routed])
    ipam = IPAMConfig(pool_configs=[IPAMPool(subnet=str(subnet))])
    return Network(docker_network_kw={"labels": labels, "ipam": ipam}).create()


def _routed() -> set[IPv4Address]:
    """Return the networks that this machine has a route to."""
    routes = Path("/proc/net/route").read_text(encoding="ascii").splitlines()[1:]
    return {IPv4Address(bytes.fromhex(route.split()[1])[::-1]) for route in routes}
