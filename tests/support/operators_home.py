"""The home folder and the environment of an operator, full of credentials."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.support.servers.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.support.servers.rogue import Rogue

USER = "CANARY-user"
OF_MY_CNF, OF_PGPASS, OF_SERVICE, OF_ENVIRONMENT = PASSWORDS = (
    "CANARY-of-my-cnf",
    "CANARY-of-pgpass",
    "CANARY-of-service",
    "CANARY-of-environment",
)
SERVICE = "theirs"

_ENVIRONMENT = {
    "LOGNAME": USER,
    "MYSQL_PWD": OF_ENVIRONMENT,
    "PGAPPNAME": "CANARY-application",
    "PGDATABASE": "CANARY-database",
    "PGHOSTADDR": "192.0.2.1",  # leads nowhere
    "PGOPTIONS": "-c x.y=CANARY-options",
    "PGPASSWORD": OF_ENVIRONMENT,
    "PGREQUIREAUTH": "password,md5,gss,scram-sha-256",
    "PGSERVICE": SERVICE,
    "PGSSLMODE": "disable",
    "PGUSER": USER,
    "USER": USER,
}


class Home:
    """The home folder of an operator."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.option_file = folder / ".my.cnf"
        self.password_file = folder / ".pgpass"
        self.option_file.write_text(f"[client]\nuser={USER}\npassword={OF_MY_CNF}\n")
        self.password_file.write_text(f"*:*:*:*:{OF_PGPASS}\n")
        self.password_file.chmod(0o600)
        service = f"[{SERVICE}]\nuser={USER}\npassword={OF_SERVICE}\nsslmode=prefer\n"
        (folder / ".pg_service.conf").write_text(service)
        (folder / ".postgresql").mkdir()
        own = Authority(folder, "CANARY-authority").certificate("CANARY-certificate")
        for source, name in ((own.file, "postgresql.crt"), (own.key, "postgresql.key")):
            target = folder / ".postgresql" / name
            target.write_bytes(source.read_bytes())
            target.chmod(0o600)
        self.forget_environment(monkeypatch)
        for name, value in (_ENVIRONMENT | {"HOME": str(folder)}).items():
            monkeypatch.setenv(name, value)

    @property
    def authority(self) -> Path:
        """The authority of the client's certificate."""
        return self.folder / "CANARY-authority.pem"

    def forget_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Remove all variables that a driver reads."""
        for name in [name for name in os.environ if name.startswith(("PG", "MYSQL_"))]:
            monkeypatch.delenv(name)


def taken(rogue: Rogue) -> list[str]:
    """List the operator's credentials that a server has received."""
    found = [password for password in PASSWORDS if rogue.has(password)]
    return found + ["something else"] * (b"CANARY" in rogue.received)
