"""The class of statements: a name, and a text in the common form that each dialect renders."""

from __future__ import annotations

# A list of hosts, or of numbers, is bound as one parameter. Each dialect replaces these texts with
# its own. In PostgreSQL's, a line break separates the hosts, because no host name contains one.
IN_HOSTS = "= ANY(string_to_array(%(hosts)s, E'\\n'))"
HOSTS_TABLE = "unnest(string_to_array(%(hosts)s, E'\\n')) AS hosts (host)"
IN_NUMBERS = "= ANY(%(numbers)s)"

URL_COLUMNS = "cell.transport_url, cell.database_connection"
"""The columns that hold passwords, in each SELECT that reads them."""
NO_URLS = "NULL, NULL"
"""Replaces them in the statements of a directory that reads no URLs."""


class Statement:
    """One SQL statement, in the common form: PostgreSQL runs it as it is.

    Hashed by identity in each lookup, so it is a plain class: Enum hashes in Python, which is slow.

    :param name: its name in logs and errors: that of its constant, in lower case.
    :param holds_secrets: its parameters hold passwords, so the server's messages are not shown.
    :param changes_secrets: it changes rows that hold passwords, which a constraint or a trigger may
        quote, so the server's messages are not shown either.
    :param role: the least role of `rights.ROLES` that may run it. Default: "lookup" for a SELECT,
        "service" for the others.
    """

    __slots__ = ("holds_secrets", "is_confidential", "name", "role", "text")

    def __init__(
        self,
        name: str,
        text: str,
        *,
        holds_secrets: bool = False,
        changes_secrets: bool = False,
        role: str | None = None,
    ) -> None:
        self.name = name
        self.text = text
        self.holds_secrets = holds_secrets
        self.is_confidential = holds_secrets or changes_secrets
        """Whether the server's messages about it are not shown."""
        self.role = role or ("lookup" if text.lstrip().startswith("SELECT") else "service")

    @property
    def reads_urls(self) -> bool:
        """Whether it reads the URLs of cells."""
        return URL_COLUMNS in self.text

    def __repr__(self) -> str:
        return f"<Statement {self.name}>"
