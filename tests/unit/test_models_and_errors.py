"""The values and errors of the library: frozen, comparable, picklable, without secrets."""

from __future__ import annotations

import pickle
from copy import copy, deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

import hostmap_sql
from hostmap_sql import (
    CELL0_UUID,
    BulkResult,
    CellChange,
    CellMapping,
    CellMappingExists,
    CellMappingInUse,
    CellMappingNotFound,
    ChangeSet,
    Conflict,
    DatabaseError,
    DatabaseUnavailable,
    HistoryPruned,
    HostChange,
    HostMapError,
    HostMapping,
    HostMappingExists,
    HostMappingNotFound,
    HostsNotMapped,
    InvalidValue,
    NotPermitted,
    OutcomeUnknown,
    SchemaOutOfDate,
    SecretUnavailable,
    SecretUrl,
    StaleMapping,
    StaleReplica,
    UrlsNotRead,
)

UUID = "5f7ccc29-a9eb-417c-865e-b9bd78a72dcc"
TIME = datetime(2026, 2, 28, 23, 59, 59, 123456, tzinfo=UTC)
URL = "rabbit://nova:s3cret@mq:5672/"
CELL = CellMapping(
    UUID, "cell1", SecretUrl(URL), None, disabled=True, revision=7, created_at=TIME, updated_at=TIME
)
HOST = HostMapping("compute-1", CELL, 9, TIME, None)
HOST_CHANGE = HostChange(9, "compute-1", None, UUID, "me", "why", TIME)
CELL_CHANGE = CellChange(9, UUID, "created")
CHANGESET = ChangeSet(9, UUID, "me", "why", TIME, (HOST_CHANGE,), (CELL_CHANGE,))
CONFLICT = Conflict("compute-1", UUID, CELL0_UUID)
RESULT = BulkResult(1, 2, 3, 4, (CONFLICT,), 9)
VALUES = [CELL, HOST, HOST_CHANGE, CELL_CHANGE, CHANGESET, CONFLICT, RESULT, SecretUrl(URL)]

ERRORS: list[tuple[HostMapError, dict[str, Any], str]] = [
    (HostMappingNotFound("h"), {"host": "h"}, "host 'h' is not mapped"),
    (CellMappingNotFound("c"), {"cell": "c"}, "no cell 'c'"),
    (HostMappingExists("h", UUID), {"host": "h", "cell_uuid": UUID}, "mapped to cell 5f7ccc29"),
    (
        CellMappingExists("name", "c", UUID),
        {"field": "name", "value": "c", "cell_uuid": UUID},
        "has the name 'c' already",
    ),
    (CellMappingInUse(UUID, 3), {"cell_uuid": UUID, "hosts": 3}, "still has 3 host"),
    (
        StaleMapping(HOST, UUID, 8),
        {"actual": HOST, "expected_cell_uuid": UUID, "expected_revision": 8},
        "is at revision 9",
    ),
    (
        StaleMapping(CELL, expected_revision=0),
        {"actual": CELL, "expected_cell_uuid": None, "expected_revision": 0},
        "expected revision 0",
    ),
    (
        HostsNotMapped(["a", "b"], {"c": UUID}, 1.5),
        {"missing": ("a", "b"), "elsewhere": {"c": UUID}, "timeout": 1.5},
        f"hosts 'a', 'b' are not mapped to any cell and host 'c' is in another cell ({UUID})",
    ),
    (
        HostsNotMapped([f"h{n}" for n in range(22)], {}, 9.0),
        {"elsewhere": {}},
        "'h19' and 2 more are not mapped",
    ),
    (
        HostsNotMapped([], {"c": UUID, "d": UUID}, 0.1),
        {"missing": ()},
        f"after 0.1 s hosts 'c', 'd' are in another cell ({UUID})",
    ),
    (InvalidValue("host", "is empty"), {"field": "host", "problem": "is empty"}, "host is empty"),
    (HistoryPruned(1, 5), {"revision": 1, "pruned_revision": 5}, "pruned up to revision 5"),
    (
        StaleReplica(7, 61.25, "may be 60 s old at most"),
        {"revision": 7, "age": 61.25, "wanted": "may be 60 s old at most"},
        "has revision 7 and was current 61.2 s ago, but may be 60 s old at most",
    ),
    (
        SchemaOutOfDate("db", ["1-a"], ["9-z"]),
        {"database": "db", "missing": ("1-a",), "unknown": ("9-z",)},
        "pip install --upgrade hostmap-sql",
    ),
    (SchemaOutOfDate("db", ["1-a"]), {"missing": ("1-a",), "unknown": ()}, "`hostmap migrate`"),
    (SchemaOutOfDate("db"), {"missing": (), "unknown": ()}, "restore them"),
    (DatabaseUnavailable("db", "x"), {"database": "db", "problem": "x"}, "db is not available: x"),
    (
        OutcomeUnknown(UUID, 7),
        {"change_id": UUID, "revision": 7},
        f"run `hostmap outcome {UUID} --revision 7` before",
    ),
    (
        SecretUnavailable("transport_url", UUID, "it is sealed", "2026-11"),
        {"field": "transport_url", "cell_uuid": UUID, "problem": "it is sealed", "key": "2026-11"},
        f"the transport_url of cell {UUID} is not available: it is sealed",
    ),
    (SecretUnavailable("f", UUID, "x"), {"key": None}, "the f of cell"),
    (SecretUnavailable("", "", "x"), {"cell_uuid": ""}, "no URL can be sealed: x"),
    (
        DatabaseError("x", "1062", "host_insert"),
        {"problem": "x", "code": "1062", "statement": "host_insert"},
        "x [1062] (in host_insert)",
    ),
    (DatabaseError("x"), {"problem": "x", "code": None, "statement": None}, "x"),
    (
        NotPermitted("x", "42501", "host_insert", "run y"),
        {"problem": "x", "code": "42501", "statement": "host_insert", "remedy": "run y"},
        "x [42501] (in host_insert): run y",
    ),
    (UrlsNotRead("cell1"), {"cell": "cell1"}, "the URLs of cell 'cell1' were not read"),
]
error_cases = pytest.mark.parametrize(
    ("error", "attributes", "says"), ERRORS, ids=lambda v: type(v).__name__
)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_are_frozen_equal_by_value_and_picklable(value: Any) -> None:
    for twin in (copy(value), deepcopy(value), pickle.loads(pickle.dumps(value))):  # noqa: S301
        assert twin == value
        assert hash(twin) == hash(value)
        assert repr(twin) == repr(value)
    assert value != object()
    for attribute in ("host", "name", "anything"):
        with pytest.raises(AttributeError):  # a FrozenInstanceError is one
            setattr(value, attribute, "else")


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_show_no_password(value: object) -> None:
    shown = f"{value} {value!r} {value!s} {[value]}"
    assert "s3cret" not in shown


@error_cases
def test_an_error_has_its_attributes_and_sentence(
    error: HostMapError, attributes: dict[str, Any], says: str
) -> None:
    assert {name: getattr(error, name) for name in attributes} == attributes
    assert says in str(error)
    assert "\n" not in str(error)
    assert "s3cret" not in f"{error} {error!r}"


@error_cases
def test_an_error_survives_pickling(
    error: HostMapError, attributes: dict[str, Any], says: str
) -> None:
    twin = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(twin) is type(error)
    assert {name: getattr(twin, name) for name in attributes} == attributes
    assert says in str(twin)


def test_every_error_is_tested_here() -> None:
    exported = {getattr(hostmap_sql, name) for name in hostmap_sql.__all__}
    errors = {e for e in exported if isinstance(e, type) and issubclass(e, HostMapError)}
    assert {type(error) for error, _, _ in ERRORS} == errors - {HostMapError}


def test_errors_are_also_builtin_errors() -> None:
    assert issubclass(HostMappingNotFound, LookupError)
    assert issubclass(CellMappingNotFound, LookupError)
    assert issubclass(InvalidValue, ValueError)
    assert not issubclass(SchemaOutOfDate, DatabaseError)


def test_a_stale_error_names_only_the_given_expectations() -> None:
    assert str(StaleMapping(HOST, expected_revision=8)) == (
        f"host 'compute-1' in cell {UUID} is at revision 9, not at the expected revision 8: "
        "read it again, then decide again"
    )
    both = str(StaleMapping(HOST, CELL0_UUID, 8))
    assert f"the expected cell {CELL0_UUID} and revision 8" in both


def test_the_labels_of_hosts_and_cells() -> None:
    assert CELL.label == "cell 'cell1'"
    assert (CELL.is_cell0, replace(CELL, uuid=CELL0_UUID).is_cell0) == (False, True)
    assert HOST.cell_uuid == UUID


def test_every_exported_name_exists_and_is_documented() -> None:
    assert sorted(hostmap_sql.__all__) == sorted(set(hostmap_sql.__all__))
    for name in hostmap_sql.__all__:
        value = getattr(hostmap_sql, name)
        assert name.startswith("__") or name.isupper() or value.__doc__, name
