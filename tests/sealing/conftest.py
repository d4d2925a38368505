"""A directory whose URLs are sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from hostmap_sql import HostMap, KeyRing
from tests.nova.conftest import nova  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from tests.support.backends import Backend

KEY = "2026-11"


@pytest.fixture
def ring() -> KeyRing:
    """A ring with one key."""
    return KeyRing({KEY: bytes(range(32))}, active=KEY)


@pytest.fixture
def hostmap(backend: Backend, ring: KeyRing) -> HostMap:
    """A directory on a fresh database that seals its URLs."""
    return backend.connect(author="tester", cipher=ring)


@pytest.fixture
def canary() -> str:
    """A password that appears nowhere else."""
    return f"canary-{uuid4().hex}"


class Reversing:
    """A cipher as a client of a KMS would be; it only reverses."""

    def seal(self, text: str, context: str) -> str:
        return f"kms-key/{text[::-1].encode().hex()}.{context.encode().hex()}"

    def open(self, sealed: str, context: str) -> str:
        data, _, sealed_for = sealed.removeprefix("kms-key/").partition(".")
        assert bytes.fromhex(sealed_for).decode() == context
        return bytes.fromhex(data).decode()[::-1]
