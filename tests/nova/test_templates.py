"""Filling templates of URLs without giving passwords away."""

from __future__ import annotations

import pytest

from hostmap_sql import HostMap, InvalidValue
from hostmap_sql.nova import CellAccess
from hostmap_sql.nova.templates import fill_template

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
def test_fields_are_filled(template: str, filled: str) -> None:
    assert fill_template(template, BASE) == filled


def test_a_url_without_fields_needs_no_base() -> None:
    assert fill_template("mysql://me:mine@elsewhere/x", None) == "mysql://me:mine@elsewhere/x"


def test_special_characters_stay_quoted() -> None:
    base = "postgresql://n%40va:p%3Ass@[::1]:5432/n%2Fva"
    template = "{scheme}://{username}:{password}@{hostname}/{path}"
    assert fill_template(template, base) == "postgresql://n%40va:p%3Ass@[::1]/n%2Fva"


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{scheme}://{user}@h/x", "unknown field {user}"),
        ("{scheme.__class__}://h/x", "unknown field"),
        ("{scheme!r}://h/x", "unknown field"),
        ("{}://h/x", "unknown field {}"),
        ("{scheme}://h/x{", "stray brace"),
        ("{scheme}://h/{{path}}", "stray brace"),
        ("{scheme}://{username}:{password}@evil.example.com/x", "'evil.example.com'"),
        ("{scheme}://{username}:{password}@{hostname},evil.example.com/x", "'evil.example.com'"),
        ("{scheme}://{username}:x@evil.example.com/x", "'evil.example.com'"),
        ("{scheme}://{username}:{password}@{hostname}:6666/x", "another port of 'db.example.org'"),
        ("{scheme}://{username}:{password}@{hostname}:3306/x", "another port of 'db.example.org'"),
        ("{scheme}://{username}:{password}@{hostname}/x?host=evil.example.com", "'host'"),
        ("{scheme}://{username}:{password}@{hostname}/x?HostAddr=192.0.2.1", "'hostaddr'"),
        ("{scheme}://{username}:{password}@{hostname}/x?a=1&unix_socket=/tmp/x", "'unix_socket'"),
        ("{scheme}://{username}:{password}@/x?h%6fst=evil.example.com", "'host'"),
        ("{scheme}://{hostname}/{username}?read_default_file={password}", "'read_default_file'"),
    ],
)
def test_unsafe_templates_are_refused(template: str, problem: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        fill_template(template, BASE)
    assert caught.value.field == "database_connection"
    assert problem in caught.value.problem
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("template", "base"),
    [
        ("postgresql://u@evil/d?application_name={query}", "postgresql://n@h/n?password=x"),
        ("postgresql://u@evil/d?{query}", "postgresql://n@h/n?sslpassword=x"),
        ("mysql://u@evil/{fragment}", "mysql://n@h/n#x"),
    ],
)
def test_secrets_in_the_end_of_the_base_go_only_to_its_hosts(template: str, base: str) -> None:
    with pytest.raises(InvalidValue, match="'evil'"):
        fill_template(template, base)
    assert "evil" in fill_template(template, base, ["evil"])


def test_a_part_missing_in_the_base_is_refused() -> None:
    with pytest.raises(InvalidValue, match="port"):
        fill_template("{scheme}://{hostname}:{port}/x", "mysql://nova:s3cret@db/nova")


def test_a_template_without_a_base_is_refused() -> None:
    with pytest.raises(InvalidValue, match="--template-url"):
        fill_template("{scheme}://{hostname}/x", None)


def test_the_usual_port_is_that_of_a_base_without_one() -> None:
    filled = fill_template("mysql://{username}@{hostname}:3306/x", "mysql://nova:s3cret@db/nova")
    assert filled == "mysql://nova@db:3306/x"


def test_a_trusted_host_may_receive_the_password() -> None:
    template = "{scheme}://{username}:{password}@db2.example.org/x"
    filled = fill_template(template, BASE, ["db2.example.org"])
    assert filled == "mysql+pymysql://nova:s3cret%2Fx@db2.example.org/x"


# --- several hosts, and queues --------------------------------------------------------------------

QUEUE = "rabbit://u1:p1@mq1:5671,u2:s3cret@[::2]:5672,u3:p3@mq3/vhost?ssl=1&x=2"


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("{scheme}://{username}:{password}@{hostname}/{path}?{query}", QUEUE),
        (
            (
                "rabbit://{username1}:{password1}@{hostname1}:{port1},{username2}:{password2}"
                "@{hostname2}:{port2}/cell1?{query}"
            ),
            "rabbit://u1:p1@mq1:5671,u2:s3cret@[::2]:5672/cell1?ssl=1&x=2",
        ),
        ("rabbit://{username3}:{password3}@{hostname3}/x", "rabbit://u3:p3@mq3/x"),
        ("rabbit://{username1}:{password1}@mq3/x", "rabbit://u1:p1@mq3/x"),
        ("none:///", "none:///"),
        ("rabbit://me:mine@elsewhere/{path}", "rabbit://me:mine@elsewhere/vhost"),
    ],
)
def test_numbered_fields_refer_to_one_of_several_hosts(template: str, filled: str) -> None:
    assert fill_template(template, QUEUE, field="transport_url") == filled


def test_the_full_template_gives_the_whole_base() -> None:
    """For one host and for several, in the form that oslo.messaging and Nova use."""
    template = "{scheme}://{username}:{password}@{hostname}:{port}/{path}?{query}"
    for url in (
        "rabbit://u%40x:p%2Fw@mq1:5672/?ssl=1",
        "rabbit://u1:p1@mq1:5672,u2:p2@mq2:5672/v?ssl=0",
    ):
        assert fill_template(template, url, field="transport_url") == url


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("rabbit://{username4}@mq1/", "{username4}, which the URL that fills it does not have"),
        ("rabbit://{username1}:{password1}@mq1:{port3}/", "{port3}, which"),
        ("rabbit://{scheme1}@mq1/", "unknown field {scheme1}"),
        ("rabbit://{username0}@mq1/", "unknown field {username0}"),
        ("rabbit://{username01}@mq1/", "unknown field {username01}"),
        ("rabbit://{username1.__class__}@mq1/", "unknown field"),
        ("rabbit://{username1!r}@mq1/", "unknown field"),
        ("rabbit://{username1:>10}@mq1/", "unknown field"),
        ("rabbit://{0}@mq1/", "unknown field {0}"),
        ("rabbit://{}@mq1/", "unknown field {}"),
        ("rabbit://{username1[0]}@mq1/", "unknown field"),
        ("rabbit://{username1}:{password1}@evil.example.com/", "'evil.example.com'"),
        ("rabbit://{username1}:x@mq1,y:z@evil.example.com:5672/", "'evil.example.com'"),
        ("rabbit://{username1}:{password1}@mq1:6666/", "another port of 'mq1'"),
        ("rabbit://{username1}:{password1}@mq3:6666/", "another port of 'mq3'"),
        ("rabbit://{username1}@mq1:{password2}/", "another port of 'mq1'"),
        ("rabbit://{username1}:x@mq1,{password2}:z@evil/", "'evil'"),
        ("rabbit://{hostname1},{password2}/", "a host named by it"),
        ("rabbit://x:{password1}@evil.example.com?@mq1/", "after its hosts"),
        ("rabbit://x:{password1}@mq1@evil.example.com/", "in a password"),
        ("rabbit://{username1}:{password1}@evil%2Eexample.com/", "'evil.example.com'"),
        ("http://{hostname1}/?host={password1}", "'host'"),
    ],
)
def test_unsafe_templates_of_queues_are_refused(template: str, problem: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        fill_template(template, QUEUE, field="transport_url")
    assert problem in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_numbered_fields_work_for_databases() -> None:
    base = "postgresql://nova:s3cret@db1:5432,db2:5433/nova"
    template = "postgresql://{username1}:{password1}@{hostname1}:{port1},{hostname2}/cell1"
    assert fill_template(template, base) == "postgresql://nova:s3cret@db1:5432,db2/cell1"
    with pytest.raises(InvalidValue, match="username2"):
        fill_template("postgresql://{username2}@{hostname2}/x", base)
    with pytest.raises(InvalidValue, match="username1"):  # one host: none, as in Nova
        fill_template("mysql://{username1}@{hostname}/x", BASE)


def test_the_queue_url_of_a_cell_is_filled(hostmap: HostMap) -> None:
    template = "rabbit://{username1}:{password1}@{hostname1}:{port1}/cell1"
    cell = hostmap.cells.create("cell1", transport_url=template)
    bare = hostmap.cells.create("cell2", database_connection="mysql://h/d")

    access = CellAccess(transport_template_url=QUEUE)

    assert access.transport_url(cell) == "rabbit://u1:p1@mq1:5671/cell1"
    assert "p1" not in repr(access)
    with pytest.raises(InvalidValue, match="transport_template_url"):
        CellAccess(template_url=BASE).transport_url(cell)
    with pytest.raises(InvalidValue, match="transport_url is not set"):
        access.transport_url(bare)
    trusting = CellAccess(transport_template_url=QUEUE, trusted_hosts=("mq9",))
    moved = hostmap.cells.update(cell.uuid, transport_url=template.replace("{hostname1}", "mq9"))
    assert trusting.transport_url(moved) == "rabbit://u1:p1@mq9:5671/cell1"
    with pytest.raises(InvalidValue, match="'mq9'"):
        access.transport_url(moved)
    for wrong in ("mq1:5672", "rabbit://u:p@x@mq1/", "rabbit://u:p/w@mq1/"):
        with pytest.raises(InvalidValue, match=r"^transport_template_url "):
            CellAccess(transport_template_url=wrong)
