"""Values that hold secrets: concealed from the first line of a call, and bound by drivers."""

from __future__ import annotations

import copy
import pickle
import pprint
import sqlite3
import traceback
from contextlib import nullcontext
from dataclasses import replace
from decimal import Decimal
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.pretty import pretty_repr

from hostmap_sql import (
    DatabaseError,
    HostMap,
    HostMapError,
    HostMappingNotFound,
    InvalidValue,
    SecretUrl,
    connect,
    fill_url,
)
from hostmap_sql.concealing import (
    HiddenFrames,
    SecretBytes,
    SecretText,
    conceal,
    raise_alone,
    type_name,
)
from hostmap_sql.dialects.database_url import DatabaseUrl
from hostmap_sql.errors import DriverFailure
from hostmap_sql.nova import CellAccess
from hostmap_sql.quoting import mask_name, may_be_secret, show_name
from hostmap_sql.runtime.watchdog import TimedCall
from hostmap_sql.small_files import read_small_file
from hostmap_sql.validation import valid_url
from tests.support.reports import CANARY, URL, linked, reported, reports

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.backends import Backend

# --- the values -----------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", [SecretText(URL), SecretBytes(URL.encode())])
def test_a_secret_shows_in_no_form_of_repr(secret: Any) -> None:
    for shown in (
        f"{secret!r} {[secret]} { {secret: secret} } {secret[:40]!r} {secret[3:]!r}",
        "{!r} %r".format(secret) % secret,  # noqa: UP032 - another way to show it
        pprint.pformat([secret]),
        pretty_repr([secret], max_string=40),
    ):
        assert CANARY not in shown
    assert str(secret[3:], *([] if isinstance(secret, str) else ["ascii"])) == URL[3:]
    for twin in (copy.deepcopy(secret), pickle.loads(pickle.dumps(secret))):  # noqa: S301
        assert twin == secret
        assert repr(twin) == repr(secret)


def test_bytes_show_as_text_no_more_than_as_bytes() -> None:
    assert CANARY not in str(SecretBytes(URL.encode()))
    assert SecretBytes(b"ab")[0] == 97


def test_a_secret_is_bound_as_other_text(backend: Backend) -> None:
    sign = "?" if backend.kind == "sqlite" else "%s"  # the drivers' own
    cursor = backend.raw().cursor()
    text = f"it's a \\ 😀 {URL}"
    cursor.execute(f"SELECT uuid FROM cell_mapping WHERE {sign} = name", (SecretText(text),))
    made = backend.hostmap.cells.create("cell", transport_url="rabbit://it's:\\😀@mq/")
    assert made.transport_url
    assert backend.query("SELECT transport_url FROM cell_mapping") == [
        (made.transport_url.reveal(),)
    ]


def test_a_url_can_be_formatted() -> None:
    url = SecretUrl(URL)
    assert f"{url:>60}" == f"{url!s:>60}"
    assert CANARY not in f"{url:>200} {url:.20}"
    assert type(url.reveal()) is str
    assert CANARY not in repr([getattr(url, name) for name in url.__slots__])


@pytest.mark.parametrize("value", [None, SecretUrl(URL)])
def test_values_without_secrets_stay(value: object) -> None:
    assert conceal(value) is value


@pytest.mark.parametrize("value", [URL, URL.encode(), [URL], {URL}, Decimal(5), object])
def test_all_other_values_are_concealed(value: object) -> None:
    concealed = conceal(conceal(value))
    assert CANARY not in repr(concealed)
    if not isinstance(value, str):
        assert type_name(concealed) == type(value).__name__


def test_hidden_frames_leave_the_error() -> None:
    def parse(text: str) -> None:
        secret = text[3:]
        try:
            int(secret)
        except ValueError as error:
            raise InvalidValue("x", "is wrong") from error

    def outer() -> None:
        with HiddenFrames():
            parse(URL)

    with pytest.raises(InvalidValue) as caught:
        outer()
    assert isinstance(caught.value.__cause__, ValueError)
    assert all(one.__context__ is None for one in linked(caught.value))
    assert len(caught.traceback) == 1  # this function's


def test_an_error_raised_alone_has_no_context() -> None:
    def translate() -> None:
        try:
            int(URL)
        except ValueError:
            raise_alone(DatabaseError("x"), DriverFailure("a.B", "7"))

    with pytest.raises(DatabaseError) as caught:
        translate()
    assert caught.value.__context__ is None
    assert str(caught.value.__cause__) == "a.B [7]"


def test_a_driver_failure_is_a_value() -> None:
    failure = DriverFailure.of(UnicodeDecodeError("utf-8", URL.encode(), 0, 1, "x"), None)
    twin = pickle.loads(pickle.dumps(failure))  # noqa: S301
    assert (twin.name, twin.code) == (failure.name, None)
    assert str(failure) == "builtins.UnicodeDecodeError"
    for _, text in reports(failure):
        assert CANARY not in text


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [URL, f"u:{CANARY}@h", f"see {URL}", f"password={CANARY}", f"'api_key': '{CANARY}'"],
)
def test_possible_secrets_are_masked_in_errors(text: str) -> None:
    assert CANARY not in f"{mask_name(text)!r} {mask_name(text)[:60]!r} {show_name(text)}"
    assert mask_name(text) == text
    error = HostMappingNotFound(text)
    assert error.host == text
    assert CANARY not in f"{error} {error!r}"


@pytest.mark.parametrize("text", ["compute-1", "rack:4", "a@b", "2001:db8::1", "x" * 300])
def test_other_names_are_quoted(text: str) -> None:
    assert mask_name(text) is text
    assert show_name(text) is text


def test_a_collection_that_contains_itself_may_be_secret() -> None:
    endless: list[object] = []
    endless.append(endless)
    assert may_be_secret(endless)
    assert not may_be_secret([("a", {"b": [1, None]})])


def test_text_too_long_for_a_name_is_masked() -> None:
    assert repr(mask_name("pass" * 300_000)) == "'***'"


# --- URLs of any kind -----------------------------------------------------------------------------

ODD = st.text(
    st.characters(codec=None, categories=None) | st.sampled_from("%/?#@:,;=&[]{}\0\udcff\u2028"),
    max_size=30,
)
PIECES = st.sampled_from(["%00", "%FF", "9" * 5_000, "::1", "[", "]", "\udcff", "{", "://"])
TEXTS = st.lists(ODD | PIECES, max_size=6).map("".join)
SCHEMES = st.sampled_from(["mysql", "postgresql", "sqlite", "mysql+pymysql", "rabbit", "", "{x}"])
OPTIONS = st.sampled_from(
    ["sslmode", "ssl_ca", "connect_timeout", "port", "host", "mode", "options", "password", "x"]
)


@st.composite
def urls(draw: st.DrawFn) -> str:
    user, password, host, port, database, value = (draw(TEXTS) for _ in range(6))
    url = f"{draw(SCHEMES)}://{user}:{password}{CANARY}@{host}:{port}/{database}"
    return f"{url}?{draw(OPTIONS)}={value}" if draw(st.booleans()) else url


@settings(max_examples=50)
@given(urls())
@example(f"mysql://u:{CANARY}\udcff@h/d")
@example(f"mysql://u:{CANARY}@h:{'9' * 5_000}/d")
@example(f"mysql://u:{CANARY}%FF@h/d")
@example(f"postgresql://u:{CANARY}%00@h/d")
@example(f"postgresql://u:{CANARY}@h/d?sslrootcert={'x' * 5_000}")
@example(f"mysql://u:{CANARY}@h/d?ssl_ca={'x' * 5_000}")
@example(f"mysql://u:{CANARY}@h/d?password={CANARY}&{CANARY}")
@example(f"mysql://u:{CANARY}@h/d?connect_timeout={'9' * 5_000}")
@example(f"sqlite://u:{CANARY}@h/{CANARY}")
def test_any_url_raises_only_errors_of_the_library(url: str) -> None:
    for use in (
        connect,
        DatabaseUrl.parse,
        lambda url: valid_url(url, "transport_url"),
        lambda url: CellAccess(template_url=url),
        lambda url: CellAccess(transport_template_url=url),
        lambda url: CellAccess(options=url),
    ):
        error: HostMapError | None = None
        try:
            use(url)
        except HostMapError as raised:
            error = raised
        if error is not None:
            assert type(error) is InvalidValue
            assert error.__context__ is None
            assert CANARY not in f"{error} {error!r}"


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://u:{CANARY}\udcff@h/d",
        f"mysql://u:{CANARY}%ff@h/d",
        f"postgresql://u:{CANARY}@h:{'9' * 5_000}/d",
        f"nova:{CANARY}@db/d",
        f"mysql://u:{CANARY}/d@h/d",
        f"mysql://u:{CANARY}@h/d?connect_timeout=x",
        f"postgresql://u:{CANARY}@h/d?nonsense=1&password={CANARY}",
        f"sqlite://u:{CANARY}@h/d",
        f"mysql://u:{CANARY}@h/",
        CANARY.encode(),
        [CANARY],
    ],
    ids=lambda url: repr(url).replace(CANARY, "")[:30],
)
def test_a_url_that_is_refused_is_in_no_report(url: Any) -> None:
    from hostmap_sql import aio  # noqa: PLC0415 - the other face

    for use in (connect, aio.connect):
        with reported(InvalidValue):
            use(url)


@pytest.mark.parametrize("url", [CANARY, f"mysql://u:{CANARY}/d@h/d", CANARY.encode()])
def test_a_template_that_is_refused_is_in_no_report(url: Any) -> None:
    for names in ({"template_url": url}, {"transport_template_url": url}):
        with reported(InvalidValue):
            CellAccess(**names)


def test_options_of_cells_are_in_no_report() -> None:
    access = CellAccess(f"ssl_key_password={CANARY}", template_url=f"mysql://u:{CANARY}@h/d")
    assert CANARY not in f"{access!r} {vars(access)!r} {replace(access, parallel=1)!r}"
    assert access == replace(access)
    assert access.options == f"ssl_key_password={CANARY}"
    with reported(InvalidValue):
        CellAccess(f"={CANARY}")


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("mysql://{username}:{password}@evil/d", f"mysql://n:{CANARY}@h/d"),
        ("mysql://{pass}@h/d", f"mysql://n:{CANARY}@h/d"),
        ("mysql://{username}@{hostname}/d", f"mysql://n:{CANARY}@h:x/d"),
        (f"mysql://u:{CANARY}@{{nonsense}}/d", "mysql://n:p@h/d"),
        (CANARY.encode(), "mysql://n:p@h/d"),
        ("mysql://{username}@{hostname}/d", [CANARY]),
    ],
)
def test_a_url_that_cannot_be_filled_is_in_no_report(url: Any, base: Any) -> None:
    with reported(InvalidValue):
        fill_url(url, base)
    with reported(InvalidValue):
        fill_url(SecretUrl(f"mysql://u:{CANARY}@h/d"), "mysql://h", field="name")  # type: ignore[arg-type]


def test_a_directory_that_could_not_be_opened_can_be_reported() -> None:
    with reported(InvalidValue):
        HostMap(nullcontext, "nonsense")


def test_a_file_that_is_not_text_is_in_no_report(tmp_path: Path) -> None:
    file = tmp_path / "url"
    for text in (f"mysql://u:{CANARY}\xe9@h/d", f"mysql://u:{CANARY}@h/{'d' * 70_000}"):
        file.write_bytes(text.encode("latin-1"))
        del text
        with reported(ValueError):
            read_small_file(str(file))


def test_an_interrupted_call_shows_no_frame_of_a_driver() -> None:
    def query(statement: str) -> None:
        assert statement
        raise KeyboardInterrupt

    connection = sqlite3.connect(":memory:")
    call = TimedCall(connection, monotonic() + 60, lambda _: None)
    with pytest.raises(KeyboardInterrupt) as caught, call:
        query(URL)
    assert "query" not in [frame.name for frame in traceback.extract_tb(caught.tb)]
