"""Runs the blocks of the documents.

Every ```python block and every ``$ command`` of a ```console block runs, in the order of the page,
in one namespace and one empty folder with a link to `migrations/`. The output must match the
output shown, in which ``...`` stands for any text. A comment before a block directs the test
(separate several directives by commas):

    <!-- test: output -->               the output of the preceding Python block
    <!-- test: file hosts.csv -->       writes the text to a file instead of running it
    <!-- test: needs postgresql -->     runs on a server of this kind, apart from the rest of the
                                        page; db.example.org is replaced by that server and a
                                        database with the tables
    <!-- test: needs empty mysql -->    the same, on a database without tables
    <!-- test: needs nova -->           runs apart from the rest, with databases made by Nova; the
                                        file nova_api.url contains the URL of the first
"""

from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
import sys
from contextlib import chdir, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path.relative_to(REPOSITORY).as_posix()
    for path in (*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md"))
    if "_build" not in path.parts
)

# Commands that no test here runs, with the reason.
NOT_RUN = {
    r"pip install": "it would change the environment; tests/run has just done it for this test",
    r"^tests/run": "it is what runs this test",
    r"^uvx? ": "it needs a package index, and makes files for a release",
    r"^(ruff|mypy|lint-imports|sphinx-build)\b": "steps of tests/run",
}

_BLOCK = re.compile(
    r"(?:^ *<!-- test: (?P<note>.+?) -->\n+)?"
    r"^(?P<indent> *)```(?P<language>\S*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_NOTE = re.compile(
    r"(?:needs (?P<needs>(?:empty )?(?:mysql|mariadb|postgresql)|nova))?,? ?"
    r"(?:(?P<output>output)|file (?P<file>[\w.-]+))?"
)
_EXAMPLE_URL = re.compile(
    r"(?P<yoyo>^\$ yoyo\b.* )?(?P<scheme>[a-z0-9+]+)://(?P<login>[^\s'\"@]+)@db\.example\.org"
    r"[^\s'\"]*",
    re.MULTILINE,
)
_ELLIPSIS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, with the directive in the comment before it."""

    line: int
    language: str
    text: str
    needs: str | None
    is_output: bool
    file: str | None

    @property
    def is_run(self) -> bool:
        """Whether the block runs."""
        return self.file is None and self.language in ("python", "console")


def blocks(document: str) -> list[Block]:
    """Yield the fenced blocks of a document."""
    source = (REPOSITORY / document).read_text(encoding="utf-8")
    found = list(_BLOCK.finditer(source))
    comments = [match["note"] for match in found if match["note"]]
    assert len(comments) == source.count("<!-- test"), f"{document}: a comment without a block"
    return [_block(match, source.count("\n", 0, match.start("text"))) for match in found]


def _block(match: re.Match[str], line: int) -> Block:
    note = _NOTE.fullmatch(match["note"] or "")
    assert note, f"line {line}: an unknown comment: {match['note']}"
    output = note["output"] is not None
    text = dedent(match["text"])
    return Block(line, match["language"], text, note["needs"], output, note["file"])


def commands(text: str) -> list[tuple[str, str]]:
    """Yield the commands of a console block, each with its output."""
    found: list[tuple[str, str]] = []
    for line in text.replace("\\\n", "\\\0").splitlines():
        if line.startswith("$ "):
            found.append((line[2:].replace("\0", "\n"), ""))
        else:
            command, output = found.pop()
            found.append((command, f"{output}{line}\n"))
    return found


class Page:
    """Runs a document in a folder, against the database of a URL if there is one."""

    def __init__(
        self,
        document: str,
        folder: Path,
        url: str | None = None,
        files: Mapping[str, str] | None = None,
    ) -> None:
        self._document = document
        self._url = url
        self._names: dict[str, object] = {"__name__": "__main__"}
        self._printed = StringIO()
        self._status = 0
        self._exported = folder / "exported"
        self._exported.touch()
        self._work = folder / "work"
        self._work.mkdir()
        (self._work / "migrations").symlink_to(REPOSITORY / "migrations")
        for name, text in (files or {}).items():
            (self._work / name).write_text(text, encoding="utf-8")

    def run(self, needs: str | None = None) -> None:
        """Run the blocks that need this database."""
        for block in blocks(self._document):
            if block.needs == needs:
                with chdir(self._work):
                    self._run(block, f"{self._document}:{block.line}")

    def _run(self, block: Block, place: str) -> None:
        text = self._with_our_server(block.text)
        if block.is_output:
            assert_shown(text, self._printed.getvalue(), place)
        elif block.file:
            (self._work / block.file).write_text(text, encoding="utf-8")
        elif block.language == "python":
            self._python(text, place, block.line)
        elif block.language == "console":
            for command, output in commands(text):
                if not any(re.search(pattern, command) for pattern in NOT_RUN):
                    self._console(command, output, place)
            assert not self._status, f"{place}: the last command failed"

    def _with_our_server(self, text: str) -> str:
        if self._url is None:
            return text
        url = urlsplit(self._url)
        rest = self._url.partition("://")[2]

        def our_url(example: re.Match[str]) -> str:
            # yoyo passes MySQL's options to the driver, which rejects `sslmode`.
            yoyo = example["yoyo"]
            location = (
                rest if ":" in example["login"] else f"{url.username}@{rest.partition('@')[2]}"
            )
            ours = f"{example['scheme']}://{location.partition('?')[0] if yoyo else location}"
            return f"{yoyo or ''}{ours}"

        text = _EXAMPLE_URL.sub(our_url, text)
        ours = {
            'host="db.example.org"': f"host={url.hostname!r}, port={url.port}",
            'user="hostmap_service"': f"user={unquote(url.username or '')!r}",
            'password="change-me"': f"password={unquote(url.password or '')!r}",
            'database="hostmap"': f"database={url.path[1:]!r}",
            # Files of the servers' own clients; libpq does not tell a file's `prefer` from no mode.
            "host=db.example.org\n": f"host={url.hostname}\nport={url.port}\nsslmode=allow\n",
            "user=hostmap_service\n": f"user={unquote(url.username or '')}\n",
            "password=change-me\n": f"password={unquote(url.password or '')}\n",
            "dbname=hostmap\n": f"dbname={url.path[1:]}\n",
            "mysql:///hostmap?": f"mysql://{url.path}?",
            "db.example.org:5432:hostmap:hostmap_service:change-me\n": ":".join(
                re.sub(r"([:\\])", r"\\\1", part)
                for part in (
                    url.hostname or "",
                    str(url.port),
                    url.path[1:],
                    unquote(url.username or ""),
                    unquote(url.password or ""),
                )
            )
            + "\n",
        }
        if text == "change-me\n":  # the file of a password
            return f"{unquote(url.password or '')}\n"
        for example, our in ours.items():
            text = text.replace(example, our)
        return text

    def _python(self, text: str, place: str, line: int) -> None:
        if text.startswith(">>> "):
            test = doctest.DocTestParser().get_doctest(text, self._names, place, place, line)
            report = StringIO()
            runner = doctest.DocTestRunner(optionflags=_ELLIPSIS)
            failures = runner.run(test, out=report.write, clear_globs=False).failed
            self._names.update(test.globs)
            assert not failures, report.getvalue()
            return
        self._printed = StringIO()
        with redirect_stdout(self._printed):
            exec(compile("\n" * line + text, place, "exec"), self._names)  # noqa: S102 - its purpose

    def _console(self, command: str, shown: str, place: str) -> None:
        """Run a command. The next one sees its exports, and its status as ``$?``."""
        place = f"{place}: {command}"
        assert not self._status or "$?" in command, f"{place}: the command before it failed"
        exported = shlex.quote(str(self._exported))
        script = (
            f". {exported}\n(exit {self._status})\n{command}\n"
            f"status=$?; export -p > {exported}; exit $status"
        )
        result = subprocess.run(
            ["/bin/bash", "-c", script],
            cwd=self._work,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        self._status = result.returncode
        if shown or result.returncode:
            assert_shown(shown, result.stdout, place)

    def _environment(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {
            "PATH": path,
            "HOME": str(self._work.parent),
            "COLUMNS": "100",
            "LC_ALL": "C.UTF-8",
            # Keep output and errors in the order of a terminal.
            "PYTHONUNBUFFERED": "1",
        }


def assert_shown(shown: str, actual: str, place: str) -> None:
    """Assert that the output matches the document."""
    same = doctest.OutputChecker().check_output(shown, actual, _ELLIPSIS)
    assert same, f"{place}\nshown:\n{shown}\nactual:\n{actual}"
