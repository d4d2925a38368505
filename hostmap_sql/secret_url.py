"""The URLs of cells, which hold passwords: `mask` alone decides which parts show."""

from __future__ import annotations

import re

from hostmap_sql.sealed_text import is_sealed, visible_part

MASK = "***"

# MySQL's TEXT holds 65,535 bytes, and a character takes up to 4.
MAX_URL_LENGTH = 16_383

SCHEME = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*|\{scheme\})://")
# One of several hosts joined by commas: "user:password@host:port". Without a user or a password it
# could be a piece of a password that holds a comma.
_LOGIN_AND_HOST = re.compile(r"([^:/?#@,]+):[^:/?#@,]*@([^:/?#@,][^/?#@,]*)")
_HOST = re.compile(r"[^/?#@,:]*(?::[0-9]*)?|\[[0-9A-Fa-f:.]+\](?::[0-9]*)?")
# The beginning of a query.
_OPTION = re.compile(r"\?[^?]*=")
# The options whose values are never secret. All other values are masked.
_PLAIN_OPTIONS = frozenset(
    [
        "application_name",
        "autocommit",
        "cache",
        "channel_binding",
        "charset",
        "client_encoding",
        "collation",
        "connect_timeout",
        "driver",
        "gssencmode",
        "heartbeat",
        "host",
        "hostaddr",
        "load_balance_hosts",
        "max_statement_time",
        "mode",
        "port",
        "program_name",
        "read_default_group",
        "read_timeout",
        "sql_mode",
        "ssl",
        "ssl_ca",
        "ssl_cert",
        "ssl_check_hostname",
        "ssl_verify_cert",
        "ssl_verify_identity",
        "sslcert",
        "sslmode",
        "sslrootcert",
        "ssl_version",
        "target_session_attrs",
        "timeout",
        "unix_socket",
        "user",
        "use_unicode",
        "write_timeout",
    ]
)


def mask(url: str) -> str:
    """Return the URL with every possible secret replaced by ``***``.

    When in doubt, it masks too much: neither a password with an unescaped ``/ # ? @ :`` nor the
    value of an unknown query option shows.

    >>> mask("mysql+pymysql://nova:s3cret@db1.example.org/nova_cell1?charset=utf8&token=abc")
    'mysql+pymysql://nova:***@db1.example.org/nova_cell1?charset=utf8&token=***'
    """
    if is_sealed(url):
        return f"{visible_part(url)}{MASK}"
    scheme = SCHEME.match(url)
    if scheme is None:
        return MASK
    # A raw "@", "/" or "?" may belong to a password, so everything before the last "@" is a login.
    before, at, after = url[scheme.end() :].rpartition("@")
    if _OPTION.search(before):
        # The last "@" may be part of a secret in the query, so show only the scheme.
        return f"{scheme[0]}{MASK}"
    rest, question, query = after.partition("?")
    authority, slash, path = rest.partition("/")
    if not at and not _authority_is_plain(authority):
        return f"{scheme[0]}{MASK}"
    shown = _mask_logins(before, authority) if at else authority
    return f"{scheme[0]}{shown}{slash}{path}{question}{_mask_query(query)}"


def _authority_is_plain(authority: str) -> bool:
    return all(_HOST.fullmatch(host) or _is_template(host) for host in authority.split(","))


def _is_template(text: str) -> bool:
    return text.startswith("{") and text.endswith("}") and "@" not in text


def _mask_logins(before: str, authority: str) -> str:
    hosts = f"{before}@{authority}".split(",")
    matches = [_LOGIN_AND_HOST.fullmatch(host) for host in hosts]
    if len(hosts) > 1 and all(matches):
        return ",".join(f"{match[1]}:{MASK}@{match[2]}" for match in matches if match)
    return f"{_mask_login(before)}@{authority}"


def _mask_login(login: str) -> str:
    user, colon, _password = login.partition(":")
    if any(character in user for character in "/?#@,"):
        return MASK
    return f"{user}:{MASK}" if colon else user


def _mask_query(query: str) -> str:
    return "&".join(map(_mask_option, query.split("&"))) if query else ""


def _mask_option(option: str) -> str:
    name, equals, _value = option.partition("=")
    if name.lower() in _PLAIN_OPTIONS or _is_template(option):
        return option
    return f"{name}={MASK}" if equals else MASK


class SecretUrl:
    """The URL of a cell's database or message queue: masked when shown, in full by `reveal`.

    >>> url = SecretUrl("rabbit://nova:s3cret@mq1:5672/")
    >>> print(url)
    rabbit://nova:***@mq1:5672/
    >>> url.reveal()
    'rabbit://nova:s3cret@mq1:5672/'
    """

    __slots__ = ("_url",)

    def __init__(self, url: str) -> None:
        self._url = url

    def reveal(self) -> str:
        """Return the URL in full, password included.

        :raises SecretUnavailable: it is sealed or a reference, and cannot be opened or followed.
        """
        return self._url

    def written(self) -> str:
        """Return the URL in full as it was written: a reference is not followed; see `References`.

        :raises SecretUnavailable: it is sealed, and cannot be opened.
        """
        return self._url

    def __str__(self) -> str:
        return mask(self._url)

    def __repr__(self) -> str:
        return f"SecretUrl({mask(self._url)!r})"

    def __eq__(self, other: object) -> bool:
        return self._url == other._url if isinstance(other, SecretUrl) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._url)
