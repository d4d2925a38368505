"""The ``hostmap`` command, for operators and their scripts. Needs the extra ``cli``."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

_NOT_INSTALLED = "the hostmap command needs: pip install 'hostmap-sql[cli]'"


def main() -> NoReturn:
    """Run the command with the arguments of this process, and exit with its status."""
    _open_closed_streams()
    try:
        from hostmap_sql.cli.app import app  # noqa: PLC0415 - click may be missing
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.exit(_NOT_INSTALLED)
    except KeyboardInterrupt:
        sys.exit(130)  # the module that reports errors is not loaded yet
    app.main(prog_name="hostmap")
    raise AssertionError  # pragma: no cover - main() exits


def _open_closed_streams() -> None:
    """Open standard streams that are closed, so that no other file takes their descriptors."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: PTH123, SIM115 - open until exit
