"""The errors about password requests of servers; a retry would fail as well."""

from hostmap_sql.errors import DatabaseError


class PasswordRefused(DatabaseError):
    """The server asks for the password in a way that could reveal it to an impostor."""


class PasswordMissing(DatabaseError):
    """The server asks for a password, and there is none."""
