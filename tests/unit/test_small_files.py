"""Reading small files with secrets."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hostmap_sql.small_files import read_small_file

if TYPE_CHECKING:
    from collections.abc import Iterator


def open_files() -> Iterator[Path]:
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since
            yield descriptor.readlink()


def test_a_folder_is_refused_and_closed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read: Is a directory"):
        read_small_file(str(tmp_path))
    assert tmp_path not in open_files()
