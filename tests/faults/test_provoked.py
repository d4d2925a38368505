"""The failures of live databases, each told by its code: what they are for a retry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.provoking import PROVOCATIONS, provoked

if TYPE_CHECKING:
    from tests.support.backends import Backend


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, named in PROVOCATIONS.items() for name in named]
)
def test_a_real_failure_is_told_by_its_code(kind: str, name: str, stage_backend: Backend) -> None:
    provocation = PROVOCATIONS[kind][name]
    error = provoked(stage_backend, provocation)

    dialect = stage_backend.dialect
    connecting = provocation.steps[-1].startswith("as ")
    assert dialect.code(error) == provocation.code
    assert dialect.classify(error, connecting=connecting) is provocation.fault
    assert dialect.describe(error)
    assert "\n" not in dialect.describe(error)


def test_many_codes_are_provoked() -> None:
    codes = {p.code for provocations in PROVOCATIONS.values() for p in provocations.values()}
    assert len(codes - {None}) >= 75
