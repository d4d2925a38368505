"""What the URL of a MySQL or MariaDB database says of TLS, in whichever words, as PyMySQL takes it.

libpq's words, MySQL's, PyMySQL's, SQLAlchemy's and Connector/Python's come to one of libpq's modes:
never to a weaker one than was written. What contradicts itself is refused.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from hostmap_sql.dialects import tls
from hostmap_sql.errors import InvalidValue

_MYSQL_MODES = {
    "DISABLED": "disable",
    "PREFERRED": "prefer",
    "REQUIRED": "require",
    "VERIFY_CA": "verify-ca",
    "VERIFY_IDENTITY": "verify-full",
}

# What asks for verification: the mode that it asks for, and the strictest one if it is turned off.
_VERIFICATION = {
    "ssl_verify_cert": ("verify-ca", "require"),
    "ssl_verify_identity": ("verify-full", "verify-ca"),
    "ssl_check_hostname": ("verify-full", "verify-ca"),
    "ssl_verify_server_cert": ("verify-full", "require"),
}

FLAGS = frozenset({"ssl", "ssl_disabled", *_VERIFICATION})
"""The options that say yes or no; without a value they say yes."""

FILES = frozenset({"ssl_ca", "ssl_capath", "ssl_cert", "ssl_key", "sslrootcert"})

OPTIONS = frozenset(
    {*FLAGS, *FILES, "ssl_cipher", "ssl_key_password", "ssl_mode", "sslmode", "sslrootcert"}
)

_YES = frozenset({"", "1", "true", "yes", "on", "required"})
_NO = frozenset({"0", "false", "no", "off", "none"})

_strength = tls.MODES.index


def arguments(options: dict[str, str], host: str) -> dict[str, Any]:
    """PyMySQL's TLS arguments. Takes what they answer out of the options.

    :param host: where it is to connect to, empty for a socket.
    :raises InvalidValue: they contradict each other, or cannot be used.
    """
    said = {name: options.pop(name) for name in OPTIONS & options.keys()}
    root = _root(said)
    mode = _mode(said, host, has_root=root is not None)
    if mode == "require" and _is_off(said):
        root = None  # verification is turned off by name: libpq would verify with an authority
    terms = tls.Terms.of(mode, root, [host])
    if terms.mode == "disable":
        return {"ssl_disabled": True}
    if not (terms.is_required or said.get("ssl_cert")):
        return {}
    return {"ssl": _context(terms, said)}


def _is_off(said: dict[str, str]) -> bool:
    """Whether verification is turned off by name."""
    return any(
        said.get(name) is not None and not _flag(name, said[name])
        for name, (_, strictest) in _VERIFICATION.items()
        if strictest == "require"
    )


def _root(said: dict[str, str]) -> str | None:
    named = {name: said[name] for name in ("sslrootcert", "ssl_ca", "ssl_capath") if name in said}
    if len({*named.values()}) > 1:
        raise _contradiction([*named])
    for name, root in named.items():
        exists = Path(root).is_dir() if name == "ssl_capath" else Path(root).is_file()
        if name != "sslrootcert" and not exists:
            kind = "folder" if name == "ssl_capath" else "file"
            raise _refused(f"has the option {name!r}, whose value is not the name of a {kind}")
        return root or None
    return None


def _mode(said: dict[str, str], host: str, *, has_root: bool) -> str | None:
    """The mode that all of it comes to; None for what is the default."""
    outright = _outright(said)
    if len({*outright.values()}) > 1:
        raise _contradiction([*outright])
    flags = {name: _flag(name, said[name]) for name in _VERIFICATION if name in said}
    least = {name: _VERIFICATION[name][0] for name, is_on in flags.items() if is_on}
    most = {name: _VERIFICATION[name][1] for name, is_on in flags.items() if not is_on}
    usual = "verify-full" if has_root or tls.is_remote(host) else "prefer"
    if outright:
        mode = next(iter(outright.values()))
    elif least:
        mode = max(least.values(), key=_strength)
    elif "require" in most.values():
        mode = "require"
    else:
        mode = min(usual, *most.values(), key=_strength) if most else usual
    least |= _wanted(said)
    return _within(mode, outright, least, most)


def _outright(said: dict[str, str]) -> dict[str, str]:
    """What names a mode, or has none at all."""
    modes = {}
    if said.get("sslmode"):
        modes["sslmode"] = said["sslmode"]
        if said["sslmode"] not in tls.MODES:
            raise _refused(f"has an sslmode that is not one of {', '.join(tls.MODES)}")
    if "ssl_mode" in said:
        try:
            modes["ssl_mode"] = _MYSQL_MODES[said["ssl_mode"].upper()]
        except KeyError:
            raise _refused(
                f"has an ssl_mode that is not one of {', '.join(_MYSQL_MODES)}"
            ) from None
    if "ssl_disabled" in said and _flag("ssl_disabled", said["ssl_disabled"]):
        modes["ssl_disabled"] = "disable"
    if "ssl" in said and not _flag("ssl", said["ssl"]):
        modes["ssl"] = "disable"
    return modes


def _wanted(said: dict[str, str]) -> dict[str, str]:
    """What wants TLS, and says nothing of verification."""
    least = {}
    if "ssl" in said and _flag("ssl", said["ssl"]):
        least["ssl"] = "require"
    if "ssl_disabled" in said and not _flag("ssl_disabled", said["ssl_disabled"]):
        least["ssl_disabled"] = "allow"
    if "ssl_cipher" in said:
        least["ssl_cipher"] = "require"
    return least


def _within(
    mode: str, outright: dict[str, str], least: dict[str, str], most: dict[str, str]
) -> str:
    """The mode, raised to what is asked for as well, unless one of them forbids it."""
    low = max(least.values(), key=_strength, default="disable")
    high = min(most.values(), key=_strength, default="verify-full")
    if _strength(low) > _strength(high):
        raise _contradiction([*least, *most])
    if _strength(mode) > _strength(high):
        raise _contradiction([*outright, *most])
    if _strength(low) <= _strength(mode):
        return mode
    # "require" is the least of what is asked for; what may do without TLS means just that.
    if outright and _strength(mode) < _strength("require"):
        raise _contradiction([*outright, *least])
    return low


def _flag(name: str, value: str) -> bool:
    if value.lower() in _YES:
        return True
    if value.lower() in _NO:
        return False
    raise _refused(f"has the option {name!r}, whose value is neither true nor false")


def _context(terms: tls.Terms, said: dict[str, str]) -> ssl.SSLContext:
    context = terms.context()
    if said.get("ssl_cert"):
        key, password = said.get("ssl_key"), said.get("ssl_key_password", "")
        try:
            context.load_cert_chain(said["ssl_cert"], key, password)
        except OSError as error:
            problem = f"has an ssl_cert or ssl_key that cannot be read: {error.strerror}"
            raise _refused(problem) from error
    elif "ssl_cert" in said or "ssl_key" in said:
        raise _refused("has an ssl_key without an ssl_cert, or an empty one")
    if "ssl_cipher" in said:
        try:
            context.set_ciphers(said["ssl_cipher"])
        except ssl.SSLError as error:
            raise _refused("has an ssl_cipher that OpenSSL does not know") from error
    return context


def _contradiction(names: list[str]) -> InvalidValue:
    return _refused(f"has options that contradict each other: {', '.join(dict.fromkeys(names))}")


def _refused(problem: str) -> InvalidValue:
    return InvalidValue("database URL", problem)
