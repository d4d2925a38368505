"""Turns the URL of a MySQL or MariaDB database, and its option file, into PyMySQL's arguments."""

from __future__ import annotations

import os
import re
from configparser import Error as ParserError
from configparser import RawConfigParser
from typing import TYPE_CHECKING, Any

from hostmap_sql.concealing import SecretBytes
from hostmap_sql.dialects import tls
from hostmap_sql.dialects.database_url import HIGHEST_PORT, MOST_DIGITS
from hostmap_sql.dialects.mysql import authentication
from hostmap_sql.dialects.mysql import tls as mysql_tls
from hostmap_sql.dialects.url_options import UrlOptions, plain
from hostmap_sql.errors import InvalidValue
from hostmap_sql.quoting import show_option
from hostmap_sql.small_files import read_small_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hostmap_sql.dialects.database_url import DatabaseUrl

_PORT = 3306

# PyMySQL's defaults for the option file, where only a group is named, and for the group.
_DEFAULT_FILE = "/etc/my.cnf"
_DEFAULT_GROUP = "client"

_FILE_OPTIONS = ("read_default_file", "read_default_group")

# The escapes of MySQL's own clients in an option file, which PyMySQL does not know.
_ESCAPE = re.compile(r"\\[btnrs'\"\\]")

# The options that PyMySQL reads from a file, with their names in a URL.
_NAMES_IN_FILE = {
    "host": "host",
    "port": "port",
    "user": "user",
    "password": "password",
    "database": "database",
    "socket": "unix_socket",
    "bind_address": "bind_address",
    **{name: name for name in (*authentication.OPTIONS, *mysql_tls.OPTIONS)},
}


def _whole(value: str) -> int:
    if not value.isdecimal() or len(value) > MOST_DIGITS:
        raise ValueError("is not a whole number")
    return int(value)


def _above_0(value: str) -> int:
    if not _whole(value):
        raise ValueError("is not a whole number above 0")
    return int(value)


# The options that PyMySQL takes unchanged, with their types. A charset is ignored: sessions are
# always utf8mb4, which includes the utf8 of Nova's URLs.
_CONVERSIONS: Mapping[str, Callable[[str], object]] = {
    "charset": str,
    "unix_socket": str,
    "bind_address": str,
    "program_name": str,
    "sql_mode": str,
    "connect_timeout": _whole,
    "read_timeout": _above_0,
    "write_timeout": _above_0,
    "max_allowed_packet": _above_0,
}

OPTIONS = (
    *_CONVERSIONS,
    *_FILE_OPTIONS,
    *sorted(authentication.OPTIONS),
    *sorted(mysql_tls.OPTIONS),
)
"""The options that a URL may have."""

# The options of PyMySQL, mysqlclient, MySQL Connector/Python and asyncmy that have no effect here.
# Those about users, hosts and TLS are refused instead.
_FOREIGN = frozenset(
    {
        "allow_local_infile",
        "auth_plugin",
        "auth_plugin_map",
        "autocommit",
        "binary_prefix",
        "buffered",
        "client_flag",
        "client_flags",
        "client_encoding",
        "collation",
        "compress",
        "connection_timeout",
        "consume_results",
        "conv",
        "cursorclass",
        "get_warnings",
        "init_command",
        "local_infile",
        "named_pipe",
        "raise_on_warnings",
        "sql_notes",
        "time_zone",
        "use_pure",
        "use_unicode",
    }
)

URL_OPTIONS = UrlOptions(
    known=frozenset(OPTIONS).__contains__,
    files=frozenset({*_FILE_OPTIONS, *authentication.FILES, *mysql_tls.FILES}),
    foreign=_FOREIGN,
    harmless=frozenset({*_CONVERSIONS, "ssl_key_password"}) - {"bind_address", "unix_socket"},
    protecting=frozenset({*authentication.OPTIONS, *mysql_tls.OPTIONS}),
    login_files=frozenset(_FILE_OPTIONS),
)


def arguments(url: DatabaseUrl) -> dict[str, Any]:
    """Return PyMySQL's arguments for the server, the user and the options of a URL.

    :raises InvalidValue: an option is unknown, unusable or contradicts another one.
    """
    options = _renamed(url.options)
    file_name, group = (options.pop(name, None) for name in _FILE_OPTIONS)
    file = _read_file(file_name, group)
    if url.is_isolated:
        _refuse_incomplete(url, options, file)
    host, port = url.hosts[0] if url.hosts else (None, None)
    if tls.is_remote(host or file.get("host") or ""):
        file.pop("unix_socket", None)  # MySQL's own clients use it only for localhost
    if not mysql_tls.AUTHORITIES.isdisjoint(options):
        file = {name: value for name, value in file.items() if name not in mysql_tls.FILES}
    server = {
        "host": host or file.get("host") or "localhost",
        "port": port or _port(file.get("port")),
        "user": url.user or file.get("user"),
        # PyMySQL would encode it as Latin-1.
        "password": SecretBytes((url.password or file.get("password") or "").encode()),
        "database": url.name or file.get("database"),
    }
    options = {name: value for name, value in file.items() if name not in server} | options
    tls_host = "" if options.get("unix_socket") else str(server["host"])
    encryption = mysql_tls.arguments(options, tls_host)
    others = {
        name: _converted(name, value)
        for name, value in options.items()
        if name not in authentication.OPTIONS | mysql_tls.OPTIONS
    }
    policy = authentication.PasswordPolicy.of(options)
    return {**others, **encryption, **server, "password_policy": policy}


def _refuse_incomplete(
    url: DatabaseUrl, options: Mapping[str, str], file: Mapping[str, str]
) -> None:
    """Refuse an incomplete isolated URL, or one that sends a file's password to another server.

    :raises InvalidValue: PyMySQL would complete it, or would send that password.
    """
    if not (url.user or file.get("user")):
        raise InvalidValue("database URL", "names no user")
    if not (url.hosts or file.get("host") or options.get("unix_socket")):
        raise InvalidValue("database URL", "names no host")
    if url.password or not file.get("password") or url.is_operators("read_default_file"):
        return
    for host, port in url.hosts:
        if host != file.get("host") or (port and port != _port(file.get("port"))):
            problem = (
                "takes the password of its read_default_file to a server that the file does not "
                "name: write the password into the URL, or the server into the file"
            )
            raise InvalidValue("database URL", problem)


def _renamed(given: Mapping[str, str]) -> dict[str, str]:
    """Return the options by their canonical names.

    :raises InvalidValue: one has two values.
    """
    options: dict[str, str] = {}
    for name, value in given.items():
        if options.setdefault(plain(name), value) != value:
            problem = f"has {show_option(plain(name))} twice, with two values"
            raise InvalidValue("database URL", problem)
    return options


def _converted(name: str, value: str) -> Any:
    try:
        convert = _CONVERSIONS[name]
    except KeyError:
        problem = f"has {show_option(name)}, which is not one of {', '.join(OPTIONS)}"
        raise InvalidValue("database URL", problem) from None
    try:
        return convert(value)
    except ValueError as error:
        problem = f"has the option {name!r}, whose value {error}"
        raise InvalidValue("database URL", problem) from None


def _port(text: str | None) -> int:
    if not text:
        return _PORT
    is_port = text.isascii() and text.isdecimal() and len(text) <= len(str(HIGHEST_PORT))
    if not is_port or int(text) > HIGHEST_PORT:
        problem = "names a read_default_file with a port that is not a number below 65536"
        raise InvalidValue("database URL", problem)
    return int(text)


def _read_file(name: str | None, group: str | None) -> dict[str, str]:
    """Read a group of an option file; its options are named as in a URL."""
    if name is None and group is None:
        return {}
    path = os.path.expanduser(name or _DEFAULT_FILE)  # noqa: PTH111 - "~nobody" stays as it is
    # Lines such as "!includedir" are skipped, as in PyMySQL.
    parser = RawConfigParser(
        allow_no_value=True, strict=False, comment_prefixes=("#", ";", "!"), default_section="\n"
    )
    try:
        # An indented line would continue the one before it.
        lines = read_small_file(path).text.splitlines()
        parser.read_string("\n".join(line.strip() for line in lines))
    except ParserError:
        # Without the cause, which quotes lines.
        problem = "has a read_default_file that is not of the form of MySQL's option files"
        raise InvalidValue("database URL", problem) from None
    except ValueError as error:
        raise InvalidValue("database URL", f"has a read_default_file that {error}") from None
    section = group or _DEFAULT_GROUP
    if not parser.has_section(section):
        which = "its read_default_group" if group else f"the group [{section}]"
        raise InvalidValue("database URL", f"has a read_default_file without {which}")
    return {
        _NAMES_IN_FILE[plain(key)]: _value(key, value or "")
        for key, value in parser.items(section)
        if plain(key) in _NAMES_IN_FILE
    }


def _value(key: str, text: str) -> str:
    """Return a value without its quotes.

    :raises InvalidValue: MySQL's own clients and PyMySQL read it differently.
    """
    is_quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    problem = None
    if _ESCAPE.search(text):
        problem = "a backslash, which begins an escape for MySQL's own clients: give it in the URL"
    elif "#" in text and not is_quoted:
        problem = "a # outside quotes, where MySQL's own clients see a comment: quote the value"
    if problem:
        raise InvalidValue("database URL", f"has a read_default_file whose {key} has {problem}")
    return text[1:-1] if is_quoted else text
