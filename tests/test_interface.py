"""The pinned interface: other programs are written against these names."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import pickle
import pkgutil
import re
from contextlib import closing
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hostmap_sql
from hostmap_sql import CellMapping, HostMapError, connect
from hostmap_sql.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator

# More may be added, to a signature only with a default.
PINNED = {
    "connect": "(url, *, timeout=30.0, pool_size=5, author=None)",
    "HostMap": "(connections, dialect)",
    "HostMap.close": "(self)",
    "HostMap.migrate": "(self)",
    "HostMap.revision": "(self)",
    "HostMap.run": "(self, fn, author=None, reason=None)",
    "HostMap.transaction": "(self, author=None, reason=None)",
    "Cells.create": (
        "(self, name, *, transport_url=None, database_connection=None, uuid=None, disabled=False)"
    ),
    "Cells.delete": "(self, uuid, *, expected_revision=None)",
    "Cells.get": "(self, uuid)",
    "Cells.get_by_name": "(self, name)",
    "Cells.host_counts": "(self)",
    "Cells.list": "(self, *, disabled=None)",
    "Cells.update": (
        "(self, uuid, *, name=UNSET, transport_url=UNSET, database_connection=UNSET,"
        " disabled=UNSET, expected_revision=None)"
    ),
    "Hosts.create": "(self, host, cell_uuid)",
    "Hosts.create_many": "(self, pairs, on_conflict='report')",
    "Hosts.delete": "(self, host, expected_cell=None, expected_revision=None)",
    "Hosts.delete_many": "(self, hosts)",
    "Hosts.get": "(self, host)",
    "Hosts.get_many": "(self, hosts)",
    "Hosts.iterate": "(self, cell_uuid=None, prefix=None)",
    "Hosts.list": "(self, cell_uuid=None, prefix=None, after=None, limit=None)",
    "Hosts.move": "(self, host, cell_uuid, expected_cell=None, expected_revision=None)",
    "Hosts.move_all": "(self, from_uuid, to_uuid)",
    "History.of_host": "(self, host)",
    "History.of_cell": "(self, cell_uuid)",
    "History.prune": "(self, before)",
    "History.since": "(self, revision, limit=1000)",
    "SecretUrl.reveal": "(self)",
}
ATTRIBUTES = {
    "BulkResult": "created unchanged moved conflicts",
    "CellMapping": "uuid name transport_url database_connection disabled revision created_at"
    " updated_at is_cell0",
    "ChangeSet": "revision change_id author reason created_at hosts cells",
    "Conflict": "host wanted_cell_uuid actual_cell_uuid",
    "HostChange": "revision host old_cell_uuid new_cell_uuid author reason created_at",
    "HostMapping": "host cell cell_uuid revision created_at updated_at",
}
ERRORS = {
    "HostMappingNotFound": LookupError,
    "CellMappingNotFound": LookupError,
    "HostMappingExists": HostMapError,
    "CellMappingExists": HostMapError,
    "CellMappingInUse": HostMapError,
    "StaleMapping": HostMapError,
    "InvalidValue": ValueError,
    "HistoryPruned": HostMapError,
    "SchemaOutOfDate": HostMapError,
    "DatabaseUnavailable": HostMapError,
    "OutcomeUnknown": HostMapError,
    "DatabaseError": HostMapError,
}


def members(owner: object) -> Iterator[tuple[str, Any]]:
    """The public methods and properties of a class that the package itself defines."""
    if not isinstance(owner, type):
        return
    for class_ in inspect.getmro(owner):
        if class_.__module__.startswith("hostmap_sql"):
            fields = getattr(class_, "__dataclass_fields__", {})
            for name, value in vars(class_).items():
                if not name.startswith("_") and name not in fields:
                    for named in {class_, owner}:  # it may be a base's, under either name
                        yield f"{named.__name__}.{name}", value


def reachable() -> Iterator[tuple[str, Any]]:
    """All that can be got at from the public names, by name."""
    for name in hostmap_sql.__all__:
        value = getattr(hostmap_sql, name)
        if callable(value):
            yield name, value
            yield from members(value)
    with closing(connect("sqlite:///never-made.db")) as hostmap:
        for part in (hostmap.cells, hostmap.hosts, hostmap.history):
            yield type(part).__name__, type(part)
            yield from members(type(part))


def shown(signature: inspect.Signature, pinned: str) -> str:
    """A signature without types, and without what was not pinned and need not be given."""
    names = re.findall(r"(\w+)(?:=[^,)]*)?[,)]", pinned)
    kept = [
        parameter.replace(annotation=parameter.empty)
        for parameter in signature.parameters.values()
        if parameter.name in names or parameter.default is parameter.empty
    ]
    # How an Enum prints differs between the versions of Python.
    return re.sub(r"<Unset\.UNSET[^>]*>", "UNSET", str(inspect.Signature(kept)))


@pytest.mark.parametrize("name", PINNED)
def test_what_is_pinned_is_there(name: str) -> None:
    value = dict(reachable())[name]
    assert shown(inspect.signature(value), PINNED[name]) == PINNED[name]


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_the_pinned_attributes_are_there(name: str) -> None:
    class_ = getattr(hostmap_sql, name)
    fields = [field.name for field in dataclasses.fields(class_)]
    there = {*fields, *(key.partition(".")[2] for key, _ in members(class_))}
    assert set(ATTRIBUTES[name].split()) <= there


@pytest.mark.parametrize("name", ERRORS)
def test_the_pinned_errors_are_there(name: str) -> None:
    class_ = getattr(hostmap_sql, name)
    assert issubclass(class_, HostMapError)
    assert issubclass(class_, ERRORS[name])


def test_the_public_names_are_those_that_type_checkers_see() -> None:
    tree = ast.parse(Path(hostmap_sql.__file__).read_text())
    [seen] = [node for node in tree.body if isinstance(node, ast.If)][:1]
    imports = [node for node in ast.walk(seen) if isinstance(node, ast.ImportFrom)]
    imported = {alias.name: node.module for node in imports for alias in node.names}

    assert sorted([*imported, "__version__"]) == sorted(hostmap_sql.__all__)
    for name, module in imported.items():
        assert getattr(hostmap_sql, name) is vars(import_module(str(module)))[name]
    assert set(hostmap_sql.__all__) <= set(dir(hostmap_sql))


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'hostmap_sql' has no attribute 'conect'"):
        hostmap_sql.conect  # type: ignore[attr-defined]  # noqa: B018


def test_every_public_name_has_a_docstring() -> None:
    found = dict(reachable())
    assert {"connect", "HostMap.migrate", "Hosts.iterate", "SecretUrl.reveal"} <= set(found)
    # A dataclass without one gets its signature for one.
    assert [
        name
        for name, value in found.items()
        if not value.__doc__ or value.__doc__.startswith(f"{name}(")
    ] == []


def test_no_two_statements_are_the_same() -> None:
    # An Enum would make the second a name of the first, and logs would tell the wrong one.
    assert [statement.name for statement in Statement] == [*Statement.__members__]


# --- values and errors ----------------------------------------------------------------------------


def classes() -> set[type]:
    """All classes that the library defines; the command's own nobody else gets to see."""
    names = [module.name for module in pkgutil.walk_packages(hostmap_sql.__path__, "hostmap_sql.")]
    return {
        class_
        for name in names
        if not name.startswith("hostmap_sql.cli")
        for class_ in vars(import_module(name)).values()
        if isinstance(class_, type) and class_.__module__ == name
    }


def test_every_dataclass_is_frozen() -> None:
    found = [class_ for class_ in classes() if dataclasses.is_dataclass(class_)]
    assert len(found) > 5
    assert [c for c in found if not c.__dataclass_params__.frozen] == []  # type: ignore[attr-defined]


# A value of each type that the arguments of errors have.
VALUES = {
    "str": "some text",
    "str | None": "some other text",
    "int": 7,
    "int | None": 8,
    "Mapping[str, str]": {"host": "cell"},
    "float": 1.5,
    "Sequence[str]": ("0002-a", "0003-b"),
    "HostMapping | CellMapping": CellMapping(
        "u",
        "n",
        None,
        None,
        disabled=False,
        revision=1,
        created_at=datetime.now(UTC),
        updated_at=None,
    ),
}
EXCEPTIONS = sorted(
    (class_ for class_ in classes() if issubclass(class_, HostMapError)), key=lambda c: c.__name__
)


@pytest.mark.parametrize("class_", EXCEPTIONS)
def test_every_exception_survives_pickling(class_: type[HostMapError]) -> None:
    own = "__init__" in vars(class_)
    parameters = inspect.signature(class_).parameters.values() if own else ()
    error = class_(*(VALUES[parameter.annotation] for parameter in parameters))

    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        twin = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301
        assert type(twin) is class_
        assert (vars(twin), twin.args, str(twin)) == (vars(error), error.args, str(error))
    for parameter in parameters:
        assert getattr(error, parameter.name) == VALUES[parameter.annotation]
