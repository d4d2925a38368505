"""Lists the files of a bundle for PyInstaller, which finds this by an entry point."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def hook_folders() -> list[str]:
    """Return the folder of the hook."""
    return [str(_HERE)]


def data_files() -> list[tuple[str, str]]:
    """List the files that are not modules, each with its folder in the bundle."""
    package = _HERE.parent
    installed, checkout = package / "_migrations", package.parent / "migrations"
    folders = {
        installed if installed.is_dir() else checkout: "hostmap_sql/_migrations",
        package / "cli" / "data": "hostmap_sql/cli/data",
    }
    return [(str(source), target) for source, target in folders.items()]
