"""Unusual defaults of servers, databases and roles, which would change answers if not handled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Defaults:
    """Hostile defaults of a MySQL or MariaDB server."""

    server: Mapping[str, str | int] = field(default_factory=dict)
    """The settings for SET GLOBAL."""
    init_connect: str = ""
    character_set: str = "utf8mb4"
    """The character set of the database."""


COMMON: Mapping[str, Defaults] = {
    "latin1": Defaults(
        {"character_set_server": "latin1", "collation_server": "latin1_swedish_ci"},
        "SET NAMES latin1",
        "latin1",
    ),
    "utf8mb3, and modes that come late": Defaults(
        {"character_set_server": "utf8mb3"},
        "SET collation_connection = utf8mb3_general_ci, character_set_results = NULL,"
        " sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES,TRADITIONAL'",
        "utf8mb3",
    ),
    "modes": Defaults(
        {
            "sql_mode": "ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,IGNORE_SPACE,"
            "HIGH_NOT_PRECEDENCE,PAD_CHAR_TO_FULL_LENGTH,NO_ZERO_DATE,ONLY_FULL_GROUP_BY"
        }
    ),
    "no mode, far away": Defaults(
        {
            "sql_mode": "",
            "explicit_defaults_for_timestamp": 0,
            "time_zone": "-11:00",
            "lc_messages": "de_DE",
        },
        character_set="utf32",
    ),
    "open transactions": Defaults({"autocommit": 0, "completion_type": "CHAIN"}),
    "ended sessions": Defaults(
        {
            "completion_type": "RELEASE",
            "transaction_isolation": "SERIALIZABLE",
            "transaction_read_only": 1,
        },
        "SET autocommit = 0",
    ),
    "limits": Defaults(
        {
            "sql_select_limit": 3,
            "max_sort_length": 64,
            "max_join_size": 1,
            "sql_big_selects": 0,
            "group_concat_max_len": 4,
            "div_precision_increment": 0,
        },
        "SET sql_safe_updates = 1, sql_auto_is_null = 1, lock_wait_timeout = 1",
    ),
    "statements in the binary log, no checks": Defaults(
        {"binlog_format": "STATEMENT", "default_storage_engine": "MEMORY"},
        "SET foreign_key_checks = 0, unique_checks = 0, sql_select_limit = 2",
    ),
}

HOSTILE: Mapping[str, Mapping[str, Defaults]] = {
    "mysql": {
        **COMMON,
        "keys": Defaults({"sql_require_primary_key": 1, "sql_generate_invisible_primary_key": 1}),
    },
    "mariadb": {
        **COMMON,
        "Oracle and Microsoft": Defaults(
            {"sql_mode": "ORACLE,MSSQL,EMPTY_STRING_IS_NULL,SIMULTANEOUS_ASSIGNMENT"}
        ),
    },
}

POSTGRESQL: Mapping[str, Mapping[str, str]] = {
    "formats": {
        "DateStyle": "'SQL, DMY'",
        "IntervalStyle": "'sql_standard'",
        "TimeZone": "'Asia/Kathmandu'",
        "client_encoding": "LATIN1",
        "bytea_output": "escape",
        "extra_float_digits": "-15",
    },
    "strings": {
        "standard_conforming_strings": "off",
        "escape_string_warning": "on",
        "backslash_quote": "off",
        "array_nulls": "off",
        "transform_null_equals": "on",
        "quote_all_identifiers": "on",
    },
    "transactions": {
        "default_transaction_isolation": "serializable",
        "default_transaction_deferrable": "on",
        "synchronous_commit": "off",
        "row_security": "off",
    },
    "impatience": {
        "statement_timeout": "1",
        "lock_timeout": "1",
        "idle_in_transaction_session_timeout": "1",
    },
    "plans": {
        "plan_cache_mode": "force_generic_plan",
        "enable_indexscan": "off",
        "enable_bitmapscan": "off",
        "work_mem": "'64kB'",
    },
    "a schema of its own": {"search_path": "elsewhere"},
}

_FUNCTIONS = {
    "never(varchar, varchar) RETURNS boolean IMMUTABLE": "false",
    "never(varchar, text) RETURNS boolean IMMUTABLE": "false",
    "never(bigint, bigint) RETURNS boolean IMMUTABLE": "false",
    "minus_one(bigint, integer) RETURNS bigint IMMUTABLE": "-1::bigint",
    "seven(bigint, varchar) RETURNS bigint": "7::bigint",
    "seven(bigint, bigint) RETURNS bigint": "7::bigint",
    "string_to_array(text, text) RETURNS text[]": "'{}'::text[]",
    "unnest(text[]) RETURNS SETOF text": "'evil'",
}
_SIDES = (("varchar", "varchar"), ("varchar", "text"), ("bigint", "bigint"))

IMPOSTORS = (
    *(
        f"CREATE FUNCTION {head} LANGUAGE sql AS $$ SELECT {value} $$"
        for head, value in _FUNCTIONS.items()
    ),
    *(
        f"CREATE OPERATOR {name} (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = never)"
        for name in ("=", "<>", "<", ">", "<=", ">=")
        for left, right in _SIDES
    ),
    *(
        f"CREATE OPERATOR {name} (LEFTARG = bigint, RIGHTARG = integer, FUNCTION = minus_one)"
        for name in "+-"
    ),
    "CREATE AGGREGATE count(varchar) (SFUNC = seven, STYPE = bigint, INITCOND = '7')",
    "CREATE AGGREGATE max(bigint) (SFUNC = seven, STYPE = bigint, INITCOND = '7')",
)
"""Operators and functions in `public` whose types match better than those of `pg_catalog`."""
