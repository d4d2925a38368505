"""Messages of the command quote no secret and take linear time, for any input."""

from __future__ import annotations

from time import process_time
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from hostmap_sql.cli.app import app
from hostmap_sql.cli.framework.redaction import quotable, redact, safe_line, safe_lines
from hostmap_sql.cli.input.reader import FORMATS
from tests.support.pace import SLOWNESS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli

SECRET = "c4n4ry-S3cr3t"

# What a user may type or paste in the wrong place.
MISPLACED = [
    SECRET,
    f"rabbit://nova:{SECRET}@mq1/",
    f"rabbit://nova:my {SECRET}@mq1/",
    f"rabbit://nova:it's {SECRET}@mq1/",
    f"rabbit://nova:a', \"{SECRET}@mq1/",
    f"rabbit://nova:a\n{SECRET}@mq1/",
    f"rabbit://nova:a\x1c{SECRET}@mq1/",
    f"mysql://db1/nova?charset=utf8;password={SECRET}",
    f"jdbc:mysql://db1/nova?password={SECRET}",
    f"mysql:nova:{SECRET}@db1/nova",
    f"nova:{SECRET}@mq1:5672",
    f"rabbit%3A%2F%2Fnova%3A{SECRET}%40mq1",
    f"nova\uff1a{SECRET}\uff20mq1",
    f"password={SECRET}",
    f"DB_PASSWORD = {SECRET}",
]
URLS = MISPLACED[1:]

# Places for words other than names, which are quoted only if they are harmless.
WORDS = [
    ("{}",),
    ("cell", "{}"),
    ("cell", "list", "{}"),
    ("cell", "show", "cell1", "{}"),
    ("cell", "create", "x", "{}", "{}"),
    ("host", "list", "--{}"),
    ("host", "list", "--{}=1"),
    ("host", "list", "--columns", "{}"),
    ("host", "list", "--columns", "host,{}"),
    ("--columns={}", "host", "list"),
    ("demo", "--columns", "{}"),
    ("host", "list", "--format", "{}"),
    ("--format", "{}", "host", "list"),
    ("host", "list", "--limit", "{}"),
    ("host", "list", "--timeout", "{}"),
    ("host", "import", "-", "--on-conflict", "{}"),
    ("host", "import", "-", "--input-format", "{}"),
    ("log", "--since", "{}"),
    ("log", "--follow", "--interval", "{}"),
    ("outcome", "x", "--revision", "{}"),
    ("completion", "{}"),
    ("nova", "check", "--parallel", "{}"),
    ("migrate", "{}"),
]
# Places for names, which are quoted, but not if they look like a URL or a login.
NAMES = [
    ("cell", "show", "{}"),
    ("cell", "create", "x", "--uuid", "{}"),
    ("cell", "drain", "cell1", "{}"),
    ("host", "show", "{}"),
    ("host", "show", "compute-1", "{}"),
    ("host", "create", "x", "{}"),
    ("host", "move", "compute-1", "cell2", "--from", "{}"),
    ("host", "list", "--cell", "{}"),
    ("host", "import", "{}"),
    ("host", "import", "hosts", "--host-column", "{}"),
    ("host", "wait", "{}", "--timeout", "0.01"),
    ("host", "export", "{}/x"),
    ("log", "{}"),
    ("log", "--cell", "{}"),
    ("outcome", "{}"),
    ("migrate", "--rollback", "{}", "--yes"),
    ("nova", "check", "--cell", "{}"),
    ("nova", "import", "--from", "@{}"),
    ("cell", "rotate", "--file", "{}"),
    ("--author", " {}", "host", "create", "x", "cell1"),
]


def output(cli: Cli, *words: str) -> str:
    result = CliRunner().invoke(app, words, env={"HOSTMAP_DATABASE": cli.url}, prog_name="hostmap")
    assert result.exit_code in (1, 2, 3, 6), result.output
    assert result.stderr
    return result.output


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_only_harmless_words_are_quoted(cli: Cli, words: tuple[str, ...]) -> None:
    for typed in MISPLACED:
        assert SECRET not in output(cli, *(word.format(typed) for word in words))


@pytest.mark.parametrize("words", NAMES, ids=" ".join)
def test_a_name_that_looks_like_a_url_is_not_quoted(
    cli: Cli, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "hosts").write_text("host,cell\ncompute-1,cell1\n")
    for typed in URLS:
        # This prints all that the command prints without the option, and more.
        said = output(cli, *(word.format(typed) for word in words), "--verbose")
        assert SECRET not in said


def test_names_and_numbers_are_quoted() -> None:
    for word in ("nope", "host_uuid", "cell-name", "b", "--nope", "-5", "7.5", "2026-13-01T10:00Z"):
        assert quotable(word) == word
    for word in ("hunter2", "PASSWORD", "Tr0ub4dor&3", "correct horse", "x" * 60, "", "ü"):
        assert quotable(word) == "***"


# --- contents of files ----------------------------------------------------------------------------

CONTENTS = [
    "host,cell\nx,rabbit://nova:{}@mq1/\n",
    "host,cell\nx,nova:{}@mq1\n",
    "host,cell\nrabbit://nova:{}@mq1/,cell1\n",
    "rabbit://nova:{}@mq1/\n",
    "rabbit://nova:my {}@mq1/,x\ny\n",
    "[database]\nconnection = mysql+pymysql://nova:{}@db/nova\n",
    "connection = mysql+pymysql://nova:{}@db/nova\n",
    "user = nova\npassword = {}\n",
    "user=nova\npassword={}\n",
    "password: {}\nuser: nova\n",
    "clouds:\n  a:\n    auth:\n      password: {}\n",
    '{{"password": "{}"}}\n',
    '{{"host": "x", "cell": "nova:{}@mq"}}\n',
    '["rabbit://nova:{}@mq1/"]\n',
    "- rabbit://nova:{}@mq1/\n",
    "name   password\nx      {}\n",
    "db.example.org:5432:nova:nova:{}\n",
    "nova:{}\n",
    "machine db.example.org login nova password {}\n",
    "<password>{}</password>\n",
]


@pytest.mark.parametrize("form", [None, *FORMATS])
def test_no_secret_of_a_wrong_file_is_quoted(cli: Cli, tmp_path: Path, form: str | None) -> None:
    typed = () if form is None else ("--input-format", form)
    for content in CONTENTS:
        (tmp_path / "wrong").write_text(content.format(SECRET))
        for cell in ((), ("--cell", "cell1")):
            words = ("host", "import", "wrong", *cell, *typed, "--dry-run")
            result = CliRunner().invoke(app, words, env={"HOSTMAP_DATABASE": cli.url})
            assert SECRET not in result.output, content
        if form != "lines":
            assert SECRET not in output(cli, "cell", "rotate", "--file", "wrong", *typed), content


def test_rotate_does_not_quote_an_unknown_cell_that_may_be_a_secret(
    cli: Cli, tmp_path: Path
) -> None:
    for cell in MISPLACED:
        quoted = cell.replace('"', '""')
        (tmp_path / "urls").write_text(f'cell,transport_url\n"{quoted}",rabbit://mq1/\n')
        assert SECRET not in output(cli, "cell", "rotate", "--file", "urls"), cell


# --- the functions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no cell 'rabbit://u:p@mq/': see", "no cell 'rabbit://u:***@mq/': see"),
        ("URL rabbit://u:p@mq/, then", "URL rabbit://u:***@mq/, then"),
        ("(rabbit://u:p@mq/)", "(rabbit://u:***@mq/)"),
        ("'rabbit://u:p q@mq/' and 'x'", "'rabbit://u:***@mq/' and 'x'"),
        ("host 'a', 'u:p@mq', 'b'", "host 'a', '***', 'b'"),
        ("Access denied for user 'nova'@'10.0.0.1'", "Access denied for user 'nova'@'10.0.0.1'"),
        ("Nova's own table, ops@example.org", "Nova's own table, ops@example.org"),
        ("password = s3cret, user = u", "password = ***, user = u"),
        ("has no '@' in its password: write", "has no '@' in its password: write"),
        (
            "like mysql://user:password@host:3306/database",
            "like mysql://user:password@host:3306/database",
        ),
        ("'password: s3cret'", "'password: ***'"),
        ("URL rabbit://u:p q@mq/, then", "URL rabbit://u:***@mq/, then"),
        ("see http://example.org/ and more", "see http://example.org/ and more"),
    ],
)
def test_a_message_is_masked(text: str, shown: str) -> None:
    assert redact(text) == shown


@given(st.text(), st.text(" ab'\"\n:,;.()", max_size=30))
def test_any_message_is_one_printable_line_without_the_secret(text: str, around: str) -> None:
    for message in (f"{text} 'rabbit://u:{SECRET}@mq/': {around}", f"{around} u:{SECRET}@h {text}"):
        shown = safe_line(message)
        assert shown.isprintable()
        assert SECRET not in shown


def test_a_long_message_keeps_its_ends() -> None:
    shown = safe_line(f"there is no cell {'x' * 100_000!r}: did you mean 'cell1'?")
    assert shown.startswith("there is no cell 'xxxxxx")
    assert "characters are left out here)" in shown
    assert shown.endswith("did you mean 'cell1'?")
    assert len(shown) < 300
    assert len(safe_line("word " * 100_000)) < 5_000
    assert "lines are left out here" in safe_lines("line\n" * 100_000)


# --- time -----------------------------------------------------------------------------------------

MEGABYTE = 1_000_000
PIECES = [
    *(",", "'", '"', "\\", "@", ":", "=", " ", "/", "(", "{", "[", "-", "a", "1", "#", "%", "|"),
    *("\x1b", "\n", "\t", "\u2028", "\xff", "a://'", "a://", "a:b@c ", "'a ", '"a ', "a=", "' "),
    *("password=", "password ", "'a' ", "%40%3A", "a://b ", "password = "),
]


@pytest.mark.parametrize("piece", PIECES, ids=repr)
def test_a_long_message_takes_linear_time(piece: str) -> None:
    for start in ("", "a://", "there is no cell '", 'x "a://', "u:"):
        text = start + piece * (MEGABYTE // len(piece))
        for function in (safe_line, safe_lines):
            started = process_time()
            function(text)
            assert process_time() - started < 0.5 * SLOWNESS
