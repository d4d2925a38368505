"""Masking the secrets in URLs: `mask` is the one place that selects the parts to show.

It shows only parts that it recognizes: a part without one of the plain forms below is masked, and
if the borders between the parts are in doubt, the whole URL is.
"""

from __future__ import annotations

import re

from hostmap_sql.sealed_text import is_sealed, visible_part

MASK = "***"

# MySQL's TEXT holds 65,535 bytes, and a character takes up to 4.
MAX_URL_LENGTH = 16_383

SCHEME = r"(?:[A-Za-z][A-Za-z0-9+.-]*|\{scheme\})://"
MAX_SCHEME_LENGTH = 40

# --- the plain forms of the parts -----------------------------------------------------------------
# All are ASCII, without look-alikes of delimiters, and without percent-encoded delimiters.
# The names in braces are the fields of Nova's templates. `re` compiles each at its first use, and
# keeps it: compiling all of them takes 4 ms, a tenth of the import.

# Words, each followed by a few digits; a token mixes letters and digits, and is longer.
_WITH_DIGITS = r"[A-Za-z]{1,15}[0-9]{0,4}(?:[_.-][A-Za-z]{0,15}[0-9]{0,4})*"
_NAME = rf"[A-Za-z0-9_.-]{{1,12}}|(?=[A-Za-z0-9_.-]{{1,32}}\Z){_WITH_DIGITS}"
_USER = rf"{_NAME}|\{{username[0-9]{{0,3}}\}}"
# A user without a password may be a token.
_LONE_USER = r"(?=.{1,32}\Z)[A-Za-z]{1,15}(?:[_.-][A-Za-z]{1,15})*[0-9]{0,2}|\{username[0-9]{0,3}\}"
_PORT = r"(?::(?:[0-9]{0,5}|\{port[0-9]{0,3}\}))?"
_IPV6 = r"[0-9A-Fa-f:.]{2,45}(?:%25[A-Za-z0-9_.-]{1,16})?"
_FULL_IPV6 = r"(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}"
_HOST = (
    rf"(?:[A-Za-z0-9_.-]{{0,253}}|\[{_IPV6}\]|{_FULL_IPV6}|\{{hostname[0-9]{{0,3}}\}}){_PORT}"
    rf"|(?=[0-9A-Fa-f.:]*::){_IPV6}"
    r"|(?:%2[Ff][A-Za-z0-9_.-]+)+"  # the folder of a socket
    r"|\{netloc\}"
)
# After a password with delimiters, the text behind the last "@" is certainly a host only if it
# looks like a name in a domain, or like an address.
_ADDRESS = rf"(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+|\[{_IPV6}\]){_PORT}"
_PATH = r"[A-Za-z0-9_.~+/-]*(?:(?:%2[0Ff]|\{path\})[A-Za-z0-9_.~+/-]*)*"

# The same after decoding: %20 and %2F are a space and a slash.
_DECODED_PATH = r"[A-Za-z0-9_.~+/ -]*"

# The delimiters that end the hosts of a URL.
_BEHIND_HOSTS = r"[/?#;\\]"
_PORT_AND_PATH = r"[0-9]{0,5}[/?#;\\]"
_NUMERIC_ADDRESS = rf"(?:[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}}|\[{_IPV6}\]){_PORT}"
_PORT_AT_END = r":[0-9]*\Z"
_DIGITS = "[0-9]+"
# One of several hosts joined by commas: "user:password@host:port".
_LOGIN_AND_HOST = r"([^:/?#@,]+):[^:/?#@,]*@([^/?#@,]+)"


# --- the options that are never secret, and the forms of their values -----------------------------

_WORD_VALUE = r"[A-Za-z0-9_.,+-]{0,64}"
_NUMBER_VALUE = r"[0-9]{0,10}(?:\.[0-9]{1,6})?"
_FILE_VALUE = r"(?=.{0,255}\Z)[A-Za-z0-9_.~+/-]*(?:%2[0Ff][A-Za-z0-9_.~+/-]*)*"
_HOSTS_VALUE = r"[A-Za-z0-9_.,/-]{0,255}"

_WORDS = """
application_name autocommit cache channel_binding charset client_encoding collation driver
gssencmode load_balance_hosts mode program_name read_default_group sql_mode ssl ssl_check_hostname
ssl_verify_cert ssl_verify_identity ssl_version sslmode target_session_attrs use_unicode
"""
_NUMBERS = "connect_timeout heartbeat max_statement_time port read_timeout timeout write_timeout"
_PLAIN_VALUES = {
    **dict.fromkeys(_WORDS.split(), _WORD_VALUE),
    **dict.fromkeys(_NUMBERS.split(), _NUMBER_VALUE),
    **dict.fromkeys(["ssl_ca", "ssl_cert", "sslcert", "sslrootcert", "unix_socket"], _FILE_VALUE),
    **dict.fromkeys(["host", "hostaddr"], _HOSTS_VALUE),
    "user": _LONE_USER,
}

# After a masked value, an unknown name may be the rest of that value.
_KNOWN_SECRETS = frozenset(
    [
        "passphrase",
        "passwd",
        "password",
        "pwd",
        "secret",
        "ssl_key",
        "ssl_key_password",
        "sslkey",
        "sslpassword",
        "token",
    ]
)


def mask(url: str) -> str:
    """Return the URL with every possible secret replaced by ``***``.

    In doubt it masks too much: a password with an unescaped ``/ # ? @ :``, the value of an unknown
    query option, and a path or fragment with more than plain names do not show.

    >>> mask("mysql+pymysql://nova:s3cret@db1.example.org/nova_cell1?charset=utf8&token=abc")
    'mysql+pymysql://nova:***@db1.example.org/nova_cell1?charset=utf8&token=***'
    """
    scheme = re.match(SCHEME, url)
    if scheme is None or scheme.end() > MAX_SCHEME_LENGTH:
        return MASK
    hidden = f"{visible_part(url) if is_sealed(url) else scheme[0]}{MASK}"
    if len(url) > MAX_URL_LENGTH or is_sealed(url):
        return hidden
    # A raw "@", "/" or "?" may belong to a password, so everything before the last "@" is a login.
    before, at, after = url[scheme.end() :].rpartition("@")
    rest, hash_, fragment = after.partition("#")
    rest, question, query = rest.partition("?")
    authority, slash, path = rest.partition("/")
    if not _has_plain_hosts(authority):
        return hidden
    shown: str | None = authority
    if at:
        shown = _mask_logins(before, authority)
    if shown is None:
        return hidden
    if not re.fullmatch(_PATH, path):
        return f"{scheme[0]}{shown}/{MASK}"
    end = f"#{fragment if fragment == '{fragment}' else MASK}" if hash_ else ""
    return f"{scheme[0]}{shown}{slash}{path}{question}{_mask_query(query)}{end}"


# --- decoded parts --------------------------------------------------------------------------------


def shows_name(name: str) -> bool:
    """Return whether the name of an option of a URL may be shown: it may be a piece of a secret."""
    return re.fullmatch(_NAME, name) is not None


def shows_user(user: str, *, has_password: bool) -> bool:
    """Return whether the user of a URL may be shown."""
    return re.fullmatch(_USER if has_password else _LONE_USER, user) is not None


def shows_host(host: str) -> bool:
    """Return whether a host of a URL, without its port, may be shown."""
    if host.startswith("/"):
        return shows_path(host)
    return re.fullmatch(_HOST, host.replace("%", "%25")) is not None


def shows_path(path: str) -> bool:
    """Return whether the database or the file of a URL may be shown."""
    return re.fullmatch(_DECODED_PATH, path) is not None


def shows_option(name: str, value: str) -> bool:
    """Return whether the value of an option of a URL may be shown."""
    plain = _PLAIN_VALUES.get(name.lower())
    return plain is not None and re.fullmatch(plain, value) is not None


# --- hosts ----------------------------------------------------------------------------------------


def _has_plain_hosts(authority: str) -> bool:
    return all(re.fullmatch(_HOST, host) for host in authority.split(","))


# --- logins ---------------------------------------------------------------------------------------


def _mask_logins(before: str, authority: str) -> str | None:
    """Return the logins and hosts with masked passwords; None if they cannot be told apart."""
    hosts = f"{before}@{authority}".split(",")
    matches = [re.fullmatch(_LOGIN_AND_HOST, host) for host in hosts]
    if len(hosts) > 1 and all(
        match and re.fullmatch(_USER, match[1]) and _resembles(match[2], authority)
        for match in matches
    ):
        return ",".join(f"{match[1]}:{MASK}@{match[2]}" for match in matches if match)
    login = _mask_login(before, authority)
    return None if login is None else f"{login}@{authority}"


def _resembles(host: str, last: str) -> bool:
    """Return whether two hosts are of one cluster: addresses, in one domain, or numbered.

    In "u:x@y,u:z@mq1" the text "y" may be a host or part of a password.
    """
    if not re.fullmatch(_HOST, host):
        return False
    if re.fullmatch(_NUMERIC_ADDRESS, host):
        return True
    names = [re.sub(_PORT_AT_END, "", text) for text in (host, last)]
    domain, other_domain = (name.partition(".")[2] for name in names)
    word, other_word = (re.sub(_DIGITS, "", name) for name in names)
    return bool(domain and domain == other_domain) or bool(word and word == other_word)


def _mask_login(login: str, authority: str) -> str | None:
    """Return a login without its password; None if it may be more than a login."""
    delimiter = re.search("[?#;&]", login)
    if delimiter and "=" in login[delimiter.end() :]:
        # The last "@" may belong to a secret in the query, which then ends after it.
        return None
    user, colon, password = login.partition(":")
    if not colon:
        if not user or re.fullmatch(_LONE_USER, user):
            return user
        return None if re.search(_BEHIND_HOSTS, user) or not {*"%{}"}.isdisjoint(user) else MASK
    if not user or re.fullmatch(_USER, user):
        if _may_hold_a_host(password) and not re.fullmatch(_ADDRESS, authority):
            return None
        return f"{user}:{MASK}"
    return MASK if {*"?#;\\@,{}"}.isdisjoint(user) else None


def _may_hold_a_host(password: str) -> bool:
    """Return whether the host may be in this text, and the rest of it a path or fragment.

    In "u:p@h/d#x@y" the host may be "h" or "y", and in "h:1/d#x@y" too.
    """
    first, *others = password.split("@")
    if re.match(_PORT_AND_PATH, first):
        return True
    for text in others:
        delimiter = re.search(_BEHIND_HOSTS, text)
        if delimiter and _has_plain_hosts(text[: delimiter.start()]):
            return True
    return False


# --- queries --------------------------------------------------------------------------------------


def _mask_query(query: str) -> str:
    shown: list[str] = []
    is_masked = False
    for option in query.split("&") if query else ():
        shown.append(_mask_option(option, is_behind_secret=is_masked))
        is_masked = is_masked or MASK in shown[-1]
    return "&".join(shown)


def _mask_option(option: str, *, is_behind_secret: bool) -> str:
    if option == "{query}":
        return option
    name, equals, value = option.partition("=")
    key = name.lower()
    plain = _PLAIN_VALUES.get(key)
    if plain and (not value or re.fullmatch(plain, value)):
        return option
    is_known = plain is not None or key in _KNOWN_SECRETS
    # A token alone may end in "=".
    is_name = bool(value.strip("=")) and re.fullmatch(_NAME, name) and not is_behind_secret
    return f"{name}={MASK}" if equals and (is_known or is_name) else MASK
