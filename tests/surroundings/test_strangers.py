"""On PostgreSQL, code of other accounts never runs with the rights of this one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import DatabaseError, connect, grants
from hostmap_sql.sql.rights import TABLES, YOYO_TABLES
from tests.support.backends.postgresql import PostgreSQLBackend
from tests.support.every_call import every_call
from tests.support.pace import PATIENT
from tests.surroundings.test_hostile_sessions import PASSWORD, database_of_role, differences

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Servers

PATHS = {"by default": '"$user", public', "before pg_catalog": "public, pg_catalog"}

CAUGHT = "code of another account"

# All raise an exception: if one runs, the call fails.
_RAISE = f"LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{CAUGHT}'; END $$"
_ANY_TYPES = (
    ("varchar", "varchar"),
    ("varchar", "text"),
    ("text", "varchar"),
    ("text", "text"),
    ("name", "varchar"),
    ("name", "text"),
    ("name", "name"),
    ("bigint", "bigint"),
    ("bigint", "integer"),
    ("integer", "integer"),
    ("smallint", "integer"),
    ("oid", "oid"),
    ("oid", "regclass"),
    ("boolean", "boolean"),
    ("timestamptz", "timestamptz"),
)
_FUNCTIONS = (
    "array_to_string(anyarray, text) RETURNS text",
    "current_database() RETURNS name",
    "current_schema() RETURNS name",
    "current_schemas(boolean) RETURNS name[]",
    "current_setting(text) RETURNS text",
    "current_setting(text, boolean) RETURNS text",
    "format_type(oid, integer) RETURNS text",
    "has_column_privilege(oid, smallint, text) RETURNS boolean",
    "has_schema_privilege(name, text) RETURNS boolean",
    "has_schema_privilege(text, text) RETURNS boolean",
    "has_schema_privilege(name, oid, text) RETURNS boolean",
    "pg_is_in_recovery() RETURNS boolean",
    "quote_ident(name) RETURNS text",
    "quote_ident(text) RETURNS text",
    "set_config(text, text, boolean) RETURNS text",
    "string_to_array(text, text) RETURNS text[]",
    "strpos(text, name) RETURNS integer",
    "strpos(text, text) RETURNS integer",
    "to_regclass(text) RETURNS regclass",
    "unnest(text[]) RETURNS SETOF text",
)
_AGGREGATES = ("varchar", "text", "bigint", "integer", "name")


def _qualified(types: str) -> str:
    """Name the types of PostgreSQL even where there are others of the same name."""
    return types.replace("text", "pg_catalog.text").replace("name", "pg_catalog.name")


def shadows() -> Iterator[str]:
    """Yield statements that shadow operators, functions, aggregates and types of PostgreSQL."""
    for head in _FUNCTIONS:
        name, _, types = head.partition("(")
        yield f"CREATE FUNCTION public.{name}({_qualified(types)} {_RAISE}"
    for pair in _ANY_TYPES:
        left, right = map(_qualified, pair)
        for kind, result, operators in (
            ("yes", "boolean", ("=", "<>", "<", ">", "<=", ">=")),
            ("sum", left, ("+", "-")),
        ):
            function = f"public.{kind}_{'_'.join(pair)}"
            yield f"CREATE FUNCTION {function}({left}, {right}) RETURNS {result} {_RAISE}"
            for operator in operators:
                yield (
                    f"CREATE OPERATOR public.{operator}"
                    f" (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = {function})"
                )
    for type_ in map(_qualified, _AGGREGATES):
        yield f"CREATE FUNCTION public.next(bigint, {type_}) RETURNS bigint {_RAISE}"
        for name in ("count", "min", "max"):
            yield (
                f"CREATE AGGREGATE public.{name}({type_})"
                " (SFUNC = public.next, STYPE = bigint, INITCOND = '7')"
            )
    yield f"CREATE FUNCTION public.refuse() RETURNS boolean {_RAISE}"
    yield "CREATE DOMAIN public.text AS pg_catalog.text CHECK (public.refuse())"
    yield 'CREATE COLLATION public."C" FROM pg_catalog."POSIX"'


class Stranger:
    """Another account, which may create in the schema `public` as all may."""

    def __init__(self, directory: PostgreSQLBackend, name: str) -> None:
        self.directory = directory
        self.name = name
        self._arguments: dict[str, Any] = {"user": name, "password": PASSWORD}

    def run(self, *statements: str) -> None:
        connection = self.directory.open_raw(**self._arguments)
        try:
            for statement in statements:
                connection.execute(statement.encode())
        finally:
            connection.close()


@contextmanager
def open_database(servers: Servers, path: str) -> Iterator[tuple[PostgreSQLBackend, Stranger]]:
    """Create an empty database in whose schema all accounts may create."""
    factory: Any = servers.factory("postgresql")
    with database_of_role(servers, {"search_path": path}) as backend:
        name = f"{backend.database}_stranger"
        backend.query("GRANT USAGE, CREATE ON SCHEMA public TO PUBLIC")
        factory._connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
        try:
            yield backend, Stranger(backend, name)
        finally:
            backend.close()
            administrator = PostgreSQLBackend(factory._server, backend.database)
            administrator.query(f"DROP OWNED BY {name} CASCADE")
            administrator.query(f"DROP ROLE {name}")


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_no_operator_function_or_type_of_another_account_is_used(
    servers: Servers, expected: dict[str, object], path: str
) -> None:
    with open_database(servers, path) as (backend, stranger):
        stranger.run(*shadows())
        with pytest.raises(Exception, match=CAUGHT):
            backend.query("SELECT 'a'::varchar = 'a'::varchar")

        with connect(backend.url, timeout=PATIENT, author="tester") as hostmap:
            hostmap.migrate()
            answers = every_call(hostmap)
            without_checks = {name: answers[name] for name in answers if "check" not in name}
            rest = {name: expected[name] for name in without_checks}
            assert differences(without_checks, rest) == []

            assert grants(hostmap, "service")
            assert hostmap.break_migration_lock() is None
            assert {finding.kind for finding in hostmap.check()} == {"schema-open"}
            assert hostmap.rollback_migrations("0001-cell-mapping")
            assert hostmap.migrate()
            every_call(hostmap)


@pytest.mark.parametrize("table", [*TABLES, *YOYO_TABLES])
def test_a_table_of_another_account_stops_the_migrations(servers: Servers, table: str) -> None:
    with open_database(servers, PATHS["by default"]) as (backend, stranger):
        stranger.run(
            f"CREATE FUNCTION public.captured() RETURNS boolean {_RAISE}",
            f"CREATE VIEW public.{table} AS SELECT captured() AS migration_id",
            f"GRANT ALL ON public.{table} TO PUBLIC",
        )
        with connect(backend.url, timeout=PATIENT) as hostmap:
            for call in (hostmap.migrate, hostmap.migration_status, hostmap.break_migration_lock):
                with pytest.raises(DatabaseError) as caught:
                    call()
                assert f"table {table} belongs to {stranger.name}" in str(caught.value)
                assert CAUGHT not in str(caught.value)


def test_the_remedies_of_an_open_schema_are_enough(servers: Servers) -> None:
    with open_database(servers, PATHS["by default"]) as (backend, stranger):
        hostmap = backend.connect()
        hostmap.migrate()
        [finding] = hostmap.check()
        assert finding.kind == "schema-open"
        revoke = finding.problem.partition(": run ")[2]
        assert revoke == "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
        assert grants(hostmap, "owner")[0] == revoke

        backend.query(revoke)
        assert hostmap.check() == ()
        assert revoke not in grants(hostmap, "owner")
        with pytest.raises(Exception, match="permission denied for schema public"):
            stranger.run("CREATE TABLE public.more (a INT)")
