"""The failures of live databases, each told by its code: what they are for a retry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.provoking import GLOBALLY, PROVOCATIONS, provoked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.backends import Backend
    from tests.support.provocations import Provocation


def each(provocations: Mapping[str, Mapping[str, Provocation]]) -> list[tuple[str, str]]:
    """The kinds of database, with the name of each provocation."""
    return [(kind, name) for kind, named in provocations.items() for name in named]


def assert_told_by_its_code(backend: Backend, provocation: Provocation) -> None:
    error = provoked(backend, provocation)

    dialect = backend.dialect
    connecting = provocation.steps[-1].startswith("as ")
    assert dialect.code(error) == provocation.code
    assert dialect.classify(error, connecting=connecting) is provocation.fault
    assert dialect.describe(error)
    assert "\n" not in dialect.describe(error)


@pytest.mark.parametrize(("kind", "name"), each(PROVOCATIONS))
def test_a_real_failure_is_told_by_its_code(kind: str, name: str, stage_backend: Backend) -> None:
    assert_told_by_its_code(stage_backend, PROVOCATIONS[kind][name])


@pytest.mark.parametrize(("own_kind", "name"), each(GLOBALLY))
def test_a_failure_by_a_servers_settings_is_told_by_its_code(
    own_kind: str, name: str, own_backend: Backend
) -> None:
    assert_told_by_its_code(own_backend, GLOBALLY[own_kind][name])


def test_many_codes_are_provoked() -> None:
    both = (*PROVOCATIONS.values(), *GLOBALLY.values())
    assert len({p.code for provocations in both for p in provocations.values()} - {None}) >= 80
