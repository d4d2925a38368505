"""The ``hostmap`` command, for operators and their scripts. Needs the extra ``cli``."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

_NOT_INSTALLED = "the hostmap command needs: pip install 'hostmap-sql[cli]'"


def main() -> NoReturn:
    """Run the command with the arguments of this process, and exit with its status."""
    _see_to_standard_streams()
    try:
        from hostmap_sql.cli.app import app  # noqa: PLC0415 - click may not be there
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.exit(_NOT_INSTALLED)
    except KeyboardInterrupt:
        sys.exit(130)  # before the one place for errors was even loaded
    app.main(prog_name="hostmap")
    raise AssertionError  # pragma: no cover - it exits


def _see_to_standard_streams() -> None:
    """Have all three: whoever starts this may have closed some, and wants neither input nor output.

    No file of ours then gets the number of one of them.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: PTH123, SIM115 - to the end
