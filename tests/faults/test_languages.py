"""Errors in another language are classified the same: by code, not by message."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.provocations.catalog import PROVOCATIONS
from tests.faults.provocations.stage import provoke

if TYPE_CHECKING:
    from tests.faults.conftest import OwnServers

CODES = {
    "mysql": "1048 1054 1062 1064 1146 1205 1213 1317 1451",
    "mariadb": "1048 1054 1062 1064 1146 1205 1317 1451",
    "postgresql": "23503 23505 25006 40001 40P01 42601 42P01 55P03 57014 57P01",
}
"""Important error codes whose messages are translated."""


@pytest.mark.parametrize("own_kind", CODES)
def test_a_translated_failure_means_the_same(own_kind: str, own_servers: OwnServers) -> None:
    factory = own_servers.factory(own_kind)
    factory.learn_german()
    backend = factory.fresh()
    for code in CODES[own_kind].split():
        provocation = PROVOCATIONS[own_kind][code]
        messages = []
        for session in ((), (factory.speak_german,)):
            backend.empty()
            error = provoke(backend, provocation, session)
            messages.append(backend.dialect.describe(error))
            assert backend.dialect.code(error) == code
            assert backend.dialect.classify(error, connecting=False) is provocation.fault
        english, german = (without_names(message) for message in messages)
        assert english != german, messages
    backend.close()
    factory.drop(backend)


def without_names(message: str) -> str:
    """Remove from a message all that differs between runs: names and numbers."""
    return " ".join(
        word for word in message.split() if not any(sign in word for sign in "0123456789'`\"")
    )
