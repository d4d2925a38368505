"""The errors about password requests of servers; a retry would fail as well."""

from hostmap_sql.errors import DatabaseError

MISSING_PROBLEM = "the server asks for a password, and the URL has none"
"""The message of a `PasswordMissing`, after the name of the database."""


class PasswordRefused(DatabaseError):
    """The server asks for the password in a way that could reveal it to an impostor."""


class PasswordMissing(DatabaseError):
    """The server asks for a password, and there is none."""
