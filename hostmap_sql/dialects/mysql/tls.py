"""Turns the TLS options of a MySQL or MariaDB URL into PyMySQL's arguments.

The options of libpq, MySQL, PyMySQL, SQLAlchemy and Connector/Python are combined into one of
libpq's modes, never a weaker one than they ask for. A contradiction is refused.
"""

from __future__ import annotations

import ssl
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

# For each verification flag: the weakest mode if it is on, and the strictest if it is off.
_VERIFICATION = {
    "ssl_verify_cert": ("verify-ca", "require"),
    "ssl_verify_identity": ("verify-full", "verify-ca"),
    "ssl_check_hostname": ("verify-full", "verify-ca"),
    "ssl_verify_server_cert": ("verify-full", "require"),
}

# Without a value they are true.
_FLAGS = frozenset({"ssl", "ssl_disabled", *_VERIFICATION})

AUTHORITIES = frozenset({"sslrootcert", "ssl_ca", "ssl_capath"})
"""The options that name the trusted authorities."""

FILES = frozenset({*AUTHORITIES, "ssl_cert", "ssl_key"})
"""The options that name a file or folder."""

OPTIONS = frozenset({*_FLAGS, *FILES, "ssl_cipher", "ssl_key_password", "ssl_mode", "sslmode"})
"""The TLS options that a URL may have."""

_TRUE = frozenset({"", "1", "true", "yes", "on", "required"})
_FALSE = frozenset({"0", "false", "no", "off", "none"})

_strength = tls.MODES.index


def arguments(options: dict[str, str], host: str) -> dict[str, Any]:
    """Return PyMySQL's TLS arguments.

    :param options: the options of the URL; those in `OPTIONS` are used.
    :param host: the host to connect to, empty for a Unix socket.
    :raises InvalidValue: an option is unusable or contradicts another one.
    """
    options = {name: options[name] for name in OPTIONS & options.keys()}
    root = _root(options)
    mode = _mode(options, host, has_root=root is not None)
    if mode == "require" and _turns_verification_off(options):
        root = None  # as in libpq, a root would turn verification on
    policy = tls.TlsPolicy.of(mode, root, [host])
    if policy.mode == "disable":
        return {"ssl_disabled": True}
    if not (policy.is_required or options.get("ssl_cert")):
        return {}
    return {"ssl": _context(policy, options)}


def _turns_verification_off(options: dict[str, str]) -> bool:
    return any(
        name in options and not parse_flag(name, options[name])
        for name, (_, strictest) in _VERIFICATION.items()
        if strictest == "require"
    )


def _root(options: dict[str, str]) -> str | None:
    names = ("sslrootcert", "ssl_ca", "ssl_capath")
    roots = {name: options[name] for name in names if name in options}
    if len({*roots.values()}) > 1:
        raise _contradiction([*roots])
    for name, root in roots.items():
        exists = tls.is_folder(root) if name == "ssl_capath" else tls.is_file(root)
        if name != "sslrootcert" and not exists:
            kind = "folder" if name == "ssl_capath" else "file"
            raise _refused(f"has the option {name!r}, whose value is not the name of a {kind}")
        return root or None
    return None


def _mode(options: dict[str, str], host: str, *, has_root: bool) -> str | None:
    """Combine all options into one mode.

    :raises InvalidValue: they contradict each other.
    """
    explicit = _explicit_modes(options)
    if len({*explicit.values()}) > 1:
        raise _contradiction([*explicit])
    flags = {name: parse_flag(name, options[name]) for name in _VERIFICATION if name in options}
    weakest = {name: _VERIFICATION[name][0] for name, is_on in flags.items() if is_on}
    strictest = {name: _VERIFICATION[name][1] for name, is_on in flags.items() if not is_on}
    default = "verify-full" if has_root or tls.is_remote(host) else "prefer"
    if explicit:
        mode = next(iter(explicit.values()))
    elif weakest:
        mode = max(weakest.values(), key=_strength)
    elif "require" in strictest.values():
        mode = "require"
    else:
        mode = min(default, *strictest.values(), key=_strength) if strictest else default
    weakest |= _demands_of_tls(options)
    return _within_bounds(mode, explicit, weakest, strictest)


def _explicit_modes(options: dict[str, str]) -> dict[str, str]:
    """Return the modes that options name directly, by option."""
    modes = {}
    if options.get("sslmode"):
        modes["sslmode"] = options["sslmode"]
        if options["sslmode"] not in tls.MODES:
            raise _refused(f"has an sslmode that is not one of {', '.join(tls.MODES)}")
    if "ssl_mode" in options:
        try:
            modes["ssl_mode"] = _MYSQL_MODES[options["ssl_mode"].upper()]
        except KeyError:
            raise _refused(
                f"has an ssl_mode that is not one of {', '.join(_MYSQL_MODES)}"
            ) from None
    if "ssl_disabled" in options and parse_flag("ssl_disabled", options["ssl_disabled"]):
        modes["ssl_disabled"] = "disable"
    if "ssl" in options and not parse_flag("ssl", options["ssl"]):
        modes["ssl"] = "disable"
    return modes


def _demands_of_tls(options: dict[str, str]) -> dict[str, str]:
    """Return the weakest modes of the options that are about TLS but not about verification."""
    weakest = {}
    if "ssl" in options and parse_flag("ssl", options["ssl"]):
        weakest["ssl"] = "require"
    if "ssl_disabled" in options and not parse_flag("ssl_disabled", options["ssl_disabled"]):
        weakest["ssl_disabled"] = "allow"
    if "ssl_cipher" in options:
        weakest["ssl_cipher"] = "require"
    return weakest


def _within_bounds(
    mode: str, explicit: dict[str, str], weakest: dict[str, str], strictest: dict[str, str]
) -> str:
    """Raise a mode to the lower bound, unless it was named directly or is above the upper one."""
    low = max(weakest.values(), key=_strength, default="disable")
    high = min(strictest.values(), key=_strength, default="verify-full")
    if _strength(low) > _strength(high):
        raise _contradiction([*weakest, *strictest])
    if _strength(mode) > _strength(high):
        raise _contradiction([*explicit, *strictest])
    if _strength(low) <= _strength(mode):
        return mode
    # An explicit "require" may be raised, an explicit mode that does without TLS may not.
    if explicit and _strength(mode) < _strength("require"):
        raise _contradiction([*explicit, *weakest])
    return low


def parse_flag(name: str, value: str) -> bool:
    """Parse a flag.

    :raises InvalidValue: it is neither true nor false.
    """
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise _refused(f"has the option {name!r}, whose value is neither true nor false")


def _context(policy: tls.TlsPolicy, options: dict[str, str]) -> ssl.SSLContext:
    context = policy.context()
    if options.get("ssl_cert"):
        key, password = options.get("ssl_key"), options.get("ssl_key_password", "")
        try:
            context.load_cert_chain(options["ssl_cert"], key, password)
        except OSError as error:
            problem = f"has an ssl_cert or ssl_key that cannot be read: {error.strerror}"
            raise _refused(problem) from error
    elif "ssl_cert" in options or "ssl_key" in options:
        raise _refused("has an ssl_key without an ssl_cert, or an empty one")
    if "ssl_cipher" in options:
        try:
            context.set_ciphers(options["ssl_cipher"])
        except ssl.SSLError as error:
            raise _refused("has an ssl_cipher that OpenSSL does not know") from error
    return context


def _contradiction(names: list[str]) -> InvalidValue:
    return _refused(f"has options that contradict each other: {', '.join(dict.fromkeys(names))}")


def _refused(problem: str) -> InvalidValue:
    return InvalidValue("database URL", problem)
