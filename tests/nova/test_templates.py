"""Filling in templates, and what must not come of it."""

from __future__ import annotations

import pytest

from hostmap_sql import InvalidValue
from hostmap_sql.nova.templates import fill

BASE = "mysql+pymysql://nova:s3cret%2Fx@db.example.org:3307/nova?charset=utf8&x=1"


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        (
            "{scheme}://{username}:{password}@{hostname}:{port}/nova_cell1?{query}",
            "mysql+pymysql://nova:s3cret%2Fx@db.example.org:3307/nova_cell1?charset=utf8&x=1",
        ),
        ("{scheme}://{hostname}/{path}_cell0", "mysql+pymysql://db.example.org/nova_cell0"),
        ("mysql://me:mine@elsewhere/{path}", "mysql://me:mine@elsewhere/nova"),
        ("mysql://me:mine@elsewhere/x#{fragment}", "mysql://me:mine@elsewhere/x#"),
        ("mysql://me:mine@elsewhere/x", "mysql://me:mine@elsewhere/x"),
    ],
)
def test_the_fields_are_filled(template: str, filled: str) -> None:
    assert fill(template, BASE) == filled


def test_what_is_no_template_needs_nothing_to_fill_it() -> None:
    assert fill("mysql://me:mine@elsewhere/x", None) == "mysql://me:mine@elsewhere/x"


def test_what_is_special_in_a_url_is_quoted() -> None:
    base = "postgresql://n%40va:p%3Ass@[::1]:5432/n%2Fva"
    template = "{scheme}://{username}:{password}@{hostname}/{path}"
    assert fill(template, base) == "postgresql://n%40va:p%3Ass@[::1]/n%2Fva"


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{scheme}://{user}@h/x", "unknown field {user}"),
        ("{scheme.__class__}://h/x", "unknown field"),
        ("{scheme!r}://h/x", "unknown field"),
        ("{}://h/x", "unknown field {}"),
        ("{scheme}://h/x{", "brace too many"),
        ("{scheme}://h/{{path}}", "brace too many"),
        ("{scheme}://{username}:{password}@evil.example.com/x", "'evil.example.com'"),
        ("{scheme}://{username}:{password}@{hostname},evil.example.com/x", "'evil.example.com'"),
        ("{scheme}://{username}:x@evil.example.com/x", "'evil.example.com'"),
        ("{scheme}://{username}:{password}@{hostname}/x?host=evil.example.com", "'host'"),
        ("{scheme}://{username}:{password}@{hostname}/x?HostAddr=192.0.2.1", "'hostaddr'"),
        ("{scheme}://{username}:{password}@{hostname}/x?a=1&unix_socket=/tmp/x", "'unix_socket'"),
        ("{scheme}://{username}:{password}@/x?h%6fst=evil.example.com", "'host'"),
        ("{scheme}://{hostname}/{username}?read_default_file={password}", "'read_default_file'"),
    ],
)
def test_what_cannot_be_filled_safely_is_refused(template: str, problem: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        fill(template, BASE)
    assert caught.value.field == "database_connection"
    assert problem in caught.value.problem
    assert "s3cret" not in str(caught.value)


def test_a_part_that_the_base_lacks_is_told() -> None:
    with pytest.raises(InvalidValue, match="port"):
        fill("{scheme}://{hostname}:{port}/x", "mysql://nova:s3cret@db/nova")


def test_a_template_without_anything_to_fill_it_is_told() -> None:
    with pytest.raises(InvalidValue, match="--template-url"):
        fill("{scheme}://{hostname}/x", None)


def test_a_host_that_is_trusted_may_have_the_password() -> None:
    template = "{scheme}://{username}:{password}@db2.example.org/x"
    filled = fill(template, BASE, ["db2.example.org"])
    assert filled == "mysql+pymysql://nova:s3cret%2Fx@db2.example.org/x"
