"""The public interface: other programs are written against its names and signatures."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import pickle
import pkgutil
import pydoc
import re
from contextlib import closing
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hostmap_sql
from hostmap_sql import CellMapping, HostMap, HostMapError, connect, sql
from hostmap_sql.sql import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator

# More may be added, to a signature only with a default.
PINNED = {
    "connect": "(url, *, timeout=30.0, pool_size=5, author=None)",
    "HostMap": "(connections, dialect)",
    "HostMap.close": "(self)",
    "HostMap.migrate": "(self)",
    "HostMap.revision": "(self)",
    "HostMap.run": "(self, fn, *, author=None, reason=None)",
    "HostMap.transaction": "(self, *, author=None, reason=None)",
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
    "Hosts.create_many": "(self, pairs, *, on_conflict='report')",
    "Hosts.delete": "(self, host, *, expected_cell_uuid=None, expected_revision=None)",
    "Hosts.delete_many": "(self, hosts)",
    "Hosts.get": "(self, host)",
    "Hosts.get_many": "(self, hosts)",
    "Hosts.iterate": "(self, *, cell_uuid=None, prefix=None)",
    "Hosts.list": "(self, *, cell_uuid=None, prefix=None, after=None, limit=None)",
    "Hosts.move": "(self, host, cell_uuid, *, expected_cell_uuid=None, expected_revision=None)",
    "Hosts.move_all": "(self, from_uuid, to_uuid)",
    "History.of_host": "(self, host)",
    "History.of_cell": "(self, cell_uuid)",
    "History.prune": "(self, before)",
    "History.since": "(self, revision, *, limit=1000)",
    "SecretUrl.reveal": "(self)",
}
ATTRIBUTES = {
    "BulkResult": "created unchanged moved deleted conflicts revision",
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
    """Yield the public methods and properties of a class, by their names."""
    if not isinstance(owner, type):
        return
    for class_ in inspect.getmro(owner):
        if class_.__module__.startswith("hostmap_sql"):
            fields = getattr(class_, "__dataclass_fields__", {})
            for name, value in vars(class_).items():
                if not name.startswith("_") and name not in fields:
                    for named in {class_, owner}:  # an inherited one goes by either name
                        yield f"{named.__name__}.{name}", value


def reachable() -> Iterator[tuple[str, Any]]:
    """Yield everything that the public names lead to, by its name."""
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
    """Return a signature without types, and without optional arguments that are not pinned."""
    names = re.findall(r"(\w+)(?:=[^,)]*)?[,)]", pinned)
    kept = [
        parameter.replace(annotation=parameter.empty)
        for parameter in signature.parameters.values()
        if parameter.name in names or parameter.default is parameter.empty
    ]
    # Versions of Python differ in the repr of an Enum.
    return re.sub(r"<Unset\.UNSET[^>]*>", "UNSET", str(inspect.Signature(kept)))


@pytest.mark.parametrize("name", PINNED)
def test_the_pinned_signatures_are_there(name: str) -> None:
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
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    imported = [alias.name for node in imports for alias in node.names]

    assert sorted([*imported, "__version__"]) == sorted(hostmap_sql.__all__)


def test_every_public_name_has_a_docstring() -> None:
    found = dict(reachable())
    assert {"connect", "HostMap.migrate", "Hosts.iterate", "SecretUrl.reveal"} <= set(found)
    # The default docstring of a dataclass is its signature.
    assert [
        name
        for name, value in found.items()
        if not value.__doc__ or value.__doc__.startswith(f"{name}(")
    ] == []


def test_exactly_the_optional_arguments_are_keyword_only() -> None:
    written = (value for value in reachable() if inspect.isfunction(value[1]))
    calls = {"HostMap": HostMap, **dict(written)}
    assert {"connect", "Hosts.move", "History.follow", "Replica.start"} <= {*calls}
    assert [
        f"{name}({parameter})"
        for name, call in calls.items()
        for parameter in inspect.signature(call).parameters.values()
        if (parameter.default is parameter.empty)
        != (parameter.kind is parameter.POSITIONAL_OR_KEYWORD)
    ] == []


def annotations_of(value: object) -> Iterator[str]:
    """Yield the annotations of results, properties and fields."""
    if isinstance(value, property):
        value = value.fget
    if inspect.isfunction(value):
        yield value.__annotations__["return"]
    elif dataclasses.is_dataclass(value) and isinstance(value, type):
        yield from value.__annotations__.values()


def test_every_class_that_a_call_returns_is_public() -> None:
    ours = {class_.__name__: class_ for class_ in classes()}
    returned = {
        node.id
        for _, value in reachable()
        for annotation in annotations_of(value)
        for node in ast.walk(ast.parse(annotation))
        if isinstance(node, ast.Name)
    }
    assert {"HostMapping", "Finding", "HistoryPosition", "WriteTransaction"} <= returned
    public = {name: getattr(hostmap_sql, name, None) for name in returned & {*ours}}
    assert public == {name: ours[name] for name in public}


def test_help_describes_the_parts_of_a_directory() -> None:
    text = pydoc.plain(pydoc.render_doc(HostMap))
    for part in ("hosts", "cells", "history", "replica"):
        assert re.search(rf"^ \|  {part}\b[^\n]*\n \|      ?\w", text, re.MULTILINE), part


def test_the_repr_shows_the_masked_url() -> None:
    url = "mysql://nova:s3cret@db1.example.org/hostmap?ssl_key_password=s3cret"
    with connect(url) as hostmap:
        shown = repr(hostmap)
        assert repr(hostmap.with_author(author="me")) == shown
    assert shown == ("<HostMap mysql://nova:***@db1.example.org/hostmap?ssl_key_password=***>")


def test_the_repr_of_a_directory_on_a_pool_shows_its_class_and_the_dialect() -> None:
    class Pool:
        def connection(self) -> Any:
            raise NotImplementedError

        def __repr__(self) -> str:
            return "s3cret"

    assert repr(HostMap(Pool().connection, "sqlite")).endswith("Pool>")
    assert repr(HostMap(Pool().connection, "sqlite")).startswith("<HostMap sqlite, ")
    assert "s3cret" not in repr(HostMap(Pool().connection, "sqlite"))


def test_each_statement_has_the_name_of_its_constant() -> None:
    constants = {name: value for name, value in vars(sql).items() if isinstance(value, Statement)}
    assert constants == {statement.name.upper(): statement for statement in sql.STATEMENTS}
    assert len({statement.text for statement in sql.STATEMENTS}) == len(sql.STATEMENTS)


# --- values and errors ----------------------------------------------------------------------------


def classes() -> set[type]:
    """Return all classes that the library defines, without those of the command."""
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


# A value for each type of an argument of an error.
VALUES = {
    "str": "some text",
    "str | None": "some other text",
    "int": 7,
    "int | None": 8,
    "Mapping[str, str]": {"host": "cell"},
    "float": 1.5,
    "bool": True,
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
    own = class_.__init__ is not Exception.__init__
    parameters = inspect.signature(class_).parameters.values() if own else ()
    given = {parameter.name: VALUES[parameter.annotation] for parameter in parameters}
    keywords = {p.name: given.pop(p.name) for p in parameters if p.kind is p.KEYWORD_ONLY}
    error = class_(*given.values(), **keywords)

    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        twin = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301
        assert type(twin) is class_
        assert (vars(twin), twin.args, str(twin)) == (vars(error), error.args, str(error))
    for parameter in parameters:
        assert getattr(error, parameter.name) == VALUES[parameter.annotation]
