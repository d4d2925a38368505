"""The failures of live databases, classified by their codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.provocations.catalog import GLOBAL_PROVOCATIONS, PROVOCATIONS
from tests.faults.provocations.stage import provoke

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.faults.provocations.script import Provocation
    from tests.support.backends import Backend


def each(provocations: Mapping[str, Mapping[str, Provocation]]) -> list[tuple[str, str]]:
    """Each kind of database with the name of each of its provocations."""
    return [(kind, name) for kind, named in provocations.items() for name in named]


def assert_classified_by_code(backend: Backend, provocation: Provocation) -> None:
    error = provoke(backend, provocation)

    dialect = backend.dialect
    connecting = provocation.steps[-1].startswith("as ")
    assert dialect.code(error) == provocation.code
    assert dialect.classify(error, connecting=connecting) is provocation.fault
    assert dialect.describe(error)
    assert "\n" not in dialect.describe(error)


@pytest.mark.parametrize(("kind", "name"), each(PROVOCATIONS))
def test_a_failure_of_a_statement_is_classified_by_its_code(
    kind: str, name: str, stage_backend: Backend
) -> None:
    assert_classified_by_code(stage_backend, PROVOCATIONS[kind][name])


@pytest.mark.parametrize(("own_kind", "name"), each(GLOBAL_PROVOCATIONS))
def test_a_failure_from_a_server_setting_is_classified_by_its_code(
    own_kind: str, name: str, own_backend: Backend
) -> None:
    assert_classified_by_code(own_backend, GLOBAL_PROVOCATIONS[own_kind][name])


def test_at_least_80_codes_are_provoked() -> None:
    both = (*PROVOCATIONS.values(), *GLOBAL_PROVOCATIONS.values())
    assert len({p.code for provocations in both for p in provocations.values()} - {None}) >= 80
