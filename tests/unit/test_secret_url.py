"""Masking the passwords in URLs, and parsing the URL of a database."""

from __future__ import annotations

import string
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hostmap_sql import InvalidValue, SecretUrl
from hostmap_sql.dialects.database_url import DatabaseUrl
from hostmap_sql.masking import MASK, mask

SIGNS = "/#?@:%,"
words = st.text(string.ascii_letters + string.digits, min_size=1, max_size=8)
# Too long to appear by chance, and with characters that a URL has to quote.
secrets = st.text(string.ascii_letters + string.digits + SIGNS, min_size=4, max_size=12)
users = st.text(string.ascii_letters + SIGNS.replace(":", ""), min_size=1, max_size=8)
schemes = st.sampled_from(["rabbit", "mysql+pymysql", "postgresql", "{scheme}", "amqp"])
hosts = st.builds("{}.example.org{}".format, words, st.sampled_from(["", ":5672", ":1"]))
paths = st.sampled_from(["", "/", "/vhost", "/nova_cell1", "/?charset=utf8", "/d?heartbeat=60"])


@given(schemes, words, secrets, hosts, paths)
def test_no_password_shows(scheme: str, user: str, secret: str, host: str, path: str) -> None:
    assume(secret not in f"{scheme}://{user}:{MASK}@{host}{path}")
    # "a:s3cret@h1,b@h2" is a login at each of two hosts, or one whose password is "s3cret@h1,b".
    assume("," not in secret.partition("@")[2])

    shown = mask(f"{scheme}://{user}:{secret}@{host}{path}")

    assert secret not in shown
    assert shown == f"{scheme}://{user}:{MASK}@{host}{path}"


def test_the_end_of_a_password_does_not_show_as_a_login() -> None:
    assert mask("rabbit://nova:0@0,@mq1/") == "rabbit://nova:***@mq1/"


@given(schemes, users, secrets, hosts, paths)
def test_no_password_shows_after_any_user_name(
    scheme: str, user: str, secret: str, host: str, path: str
) -> None:
    assume(secret not in f"{scheme}://{user}:{MASK}@{host}{path}")

    assert secret not in mask(f"{scheme}://{user}:{secret}@{host}{path}")


@given(schemes, st.lists(st.tuples(words, secrets, hosts), min_size=2, max_size=4), paths)
def test_no_password_of_several_hosts_shows(
    scheme: str, logins: list[tuple[str, str, str]], path: str
) -> None:
    quoted = [(user, quote(secret, safe=""), host) for user, secret, host in logins]
    expected = ",".join(f"{user}:{MASK}@{host}" for user, _, host in quoted)
    assume(not any(secret in f"{scheme}://{expected}{path}" for _, secret, _ in quoted))

    shown = mask(f"{scheme}://{','.join(f'{u}:{s}@{h}' for u, s, h in quoted)}{path}")

    assert shown == f"{scheme}://{expected}{path}"


@given(schemes, st.lists(st.tuples(words, secrets, hosts), min_size=2, max_size=3), paths)
def test_no_unquoted_password_of_several_hosts_shows(
    scheme: str, logins: list[tuple[str, str, str]], path: str
) -> None:
    shown = mask(f"{scheme}://{','.join(f'{u}:{s}@{h}' for u, s, h in logins)}{path}")

    hidden = f"{scheme}://{','.join(f'{u}:{MASK}@{h}' for u, _, h in logins)}{path}"
    for _, secret, _ in logins:
        assert secret in hidden or secret not in shown


@given(schemes, hosts, words, secrets)
def test_no_unknown_query_option_shows(scheme: str, host: str, name: str, secret: str) -> None:
    value = quote(secret, safe="")
    for option in ("password", "passwd", "ssl_key_password", "token", f"x{name}"):
        hidden = f"{scheme}://{host}/db?charset=utf8&{option}={MASK}&timeout=5"
        assume(value not in hidden)

        assert mask(hidden.replace(MASK, value)) == hidden


@given(st.text(max_size=60))
def test_any_text_can_be_masked(text: str) -> None:
    shown = mask(text)
    assert "://" in shown or shown == MASK
    assert mask(shown) == shown, "masking is idempotent"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rabbit://nova:s3cret@mq1:5672/", "rabbit://nova:***@mq1:5672/"),
        ("rabbit://nova@mq1:5672/", "rabbit://nova@mq1:5672/"),
        ("rabbit://mq1:5672/vhost", "rabbit://mq1:5672/vhost"),
        ("rabbit://:s3cret@mq1/", "rabbit://:***@mq1/"),
        ("rabbit://nova:@mq1/", "rabbit://nova:***@mq1/"),
        ("rabbit://a:s3cret@h1,b:s3cret@h2/v", "rabbit://a:***@h1,b:***@h2/v"),
        ("rabbit://a:s3cret@h1,b@h2/v", "rabbit://a:***@h2/v"),
        ("rabbit://h1:1,h2:2/v", "rabbit://h1:1,h2:2/v"),
        ("rabbit://a:s3/cret@h1,h2/v", "rabbit://a:***@h1,h2/v"),
        ("mysql://u:s3cret@[::1]:3306/d", "mysql://u:***@[::1]:3306/d"),
        ("mysql://[fe80::1]/d", "mysql://[fe80::1]/d"),
        ("mysql://u:s3c/r?e#t@h/d?charset=utf8", "mysql://u:***@h/d?charset=utf8"),
        ("mysql://u/x:s3cret@h/d", "mysql://***@h/d"),
        ("mysql://h/d?password=s3cret&charset=utf8", "mysql://h/d?password=***&charset=utf8"),
        ("mysql://h/d?s3cret", "mysql://h/d?***"),
        ("mysql://h/d?password=s3@cret", "mysql://***"),
        ("mysql://u:s3cret@h/d?charset=utf8&password=s/3@c?r=et", "mysql://***"),
        ("mysql://h/d?PassWord=s3cret&SSLMODE=x", "mysql://h/d?PassWord=***&SSLMODE=x"),
        ("mysql://u:s3cret/d", "mysql://***"),
        ("mysql://u:s3cret", "mysql://***"),
        (
            "{scheme}://{username}:{password}@{hostname}:{port}/x?{query}",
            "{scheme}://{username}:***@{hostname}:{port}/x?{query}",
        ),
        ("{scheme}://{netloc}/x", "{scheme}://{netloc}/x"),
        ("s3cret", "***"),
        ("", "***"),
    ],
)
def test_masked_urls(url: str, shown: str) -> None:
    assert mask(url) == shown
    assert str(SecretUrl(url)) == shown
    assert repr(SecretUrl(url)) == f"SecretUrl({shown!r})"


def test_a_secret_url_shows_its_secret_only_in_reveal() -> None:
    url = SecretUrl("rabbit://nova:s3cret@mq1:5672/")

    assert url.reveal() == "rabbit://nova:s3cret@mq1:5672/"
    assert "s3cret" not in f"{url} {url!r} {url!s} {[url]} {{}}".format(url)
    assert url == SecretUrl(url.reveal())
    assert url != url.reveal()
    assert url != SecretUrl("rabbit://nova:other@mq1:5672/")
    assert len({url, SecretUrl(url.reveal())}) == 1
    with pytest.raises(AttributeError):
        url.other = 1  # type: ignore[attr-defined]


# --- the URL of the library's own database --------------------------------------------------------


def parts(url: str) -> tuple[Any, ...]:
    parsed = DatabaseUrl.parse(url)
    return (parsed.scheme, parsed.hosts, parsed.user, parsed.password, parsed.database)


@given(users, secrets, words)
def test_a_quoted_url_is_read_back(user: str, secret: str, database: str) -> None:
    quoted = [quote(text, safe="") for text in (user, secret, database)]
    form = "mysql://{0}:{1}@db:3306/{2}"

    parsed = DatabaseUrl.parse(form.format(*quoted))
    other = DatabaseUrl.parse(form.format(quoted[0], "other", quoted[2]))

    assert (parsed.user, parsed.password, parsed.database) == (user, secret, database)
    assert (parsed.scheme, parsed.hosts) == ("mysql", (("db", 3306),))
    assert f"{parsed} {parsed!r}" == f"{other} {other!r}"


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("sqlite:///a/b.db", ("sqlite", (), None, None, "a/b.db")),
        ("sqlite:////a%20b.db", ("sqlite", (), None, None, "/a b.db")),
        ("MySQL://u@h/d", ("mysql", (("h", None),), "u", None, "d")),
        ("mysql://u:@h/d", ("mysql", (("h", None),), "u", "", "d")),
        ("mysql://h", ("mysql", (("h", None),), None, None, "")),
        ("mysql://u:p@[::1]:3307/d", ("mysql", (("::1", 3307),), "u", "p", "d")),
        ("mysql://[fe80::1]/d", ("mysql", (("fe80::1", None),), None, None, "d")),
        ("mysql://u:p@::1/d", ("mysql", (("::1", None),), "u", "p", "d")),
        ("postgresql://u@2001:db8::7/d", ("postgresql", (("2001:db8::7", None),), "u", None, "d")),
        ("mysql://2001:db8::7:33060/d", ("mysql", (("2001:db8::7", 33060),), None, None, "d")),
        ("mysql://1:2:3:4:5:6:7:8/d", ("mysql", (("1:2:3:4:5:6:7:8", None),), None, None, "d")),
        ("mysql://1:2:3:4:5:6:7:8:9/d", ("mysql", (("1:2:3:4:5:6:7:8", 9),), None, None, "d")),
        ("mysql://::ffff:10.0.0.1:9/d", ("mysql", (("::ffff:10.0.0.1", 9),), None, None, "d")),
        ("mysql://[fe80::1%25eth0]:9/d", ("mysql", (("fe80::1%eth0", 9),), None, None, "d")),
        ("mysql://fe80::1%25eth0:9/d", ("mysql", (("fe80::1%eth0", 9),), None, None, "d")),
        ("mysql://[::1]:/d", ("mysql", (("::1", None),), None, None, "d")),
        (
            "postgresql://::1,[::2]:1/d",
            ("postgresql", (("::1", None), ("::2", 1)), None, None, "d"),
        ),
        ("mysql://u@h/d\n", ("mysql", (("h", None),), "u", None, "d")),
        ("\ufeff mysql://u@h/d \r\n", ("mysql", (("h", None),), "u", None, "d")),
        ("sqlite:///a.db\n", ("sqlite", (), None, None, "a.db")),
        ("postgresql://u:p@a:1,b/d", ("postgresql", (("a", 1), ("b", None)), "u", "p", "d")),
        ("postgresql:///d", ("postgresql", (), None, None, "d")),
        (
            "postgresql://%2Fvar%2Frun/d",
            ("postgresql", (("/var/run", None),), None, None, "d"),
        ),
    ],
)
def test_the_parts_of_a_database_url(url: str, read: tuple[Any, ...]) -> None:
    assert parts(url) == read


def test_the_options_of_a_database_url() -> None:
    options = DatabaseUrl.parse("mysql://h/d?ssl_ca=%2Fa%20b&charset=&x=1%262").options
    assert options == {"ssl_ca": "/a b", "charset": "", "x": "1&2"}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mysql://u:s3cret@h:3306/d", "database 'd' on h:3306"),
        ("postgresql://u:s3cret@a:1,b/d?password=s3cret", "database 'd' on a:1,b"),
        ("postgresql://u:s3cret@::1,[::2]:1/d", "database 'd' on [::1],[::2]:1"),
        ("sqlite:////a/b.db", "database '/a/b.db'"),
        ("sqlite:///a%20b.db", "database 'a b.db'"),
        ("postgresql://%2Fvar%2Frun/d", "database 'd' on /var/run"),
        ("mysql://[fe80::1%25eth0]:9/d", "database 'd' on [fe80::1%eth0]:9"),
        ("mysql://u@h/d#s3cret", "database '***' on h"),
        ("mysql://u:p@h/d;password=s3cret", "database '***' on h"),
        ("mysql://u@h/d%3Fpassword=s3cret", "database '***' on h"),
        ("mysql://u@h/d&password=s3cret", "database '***' on h"),
        ("mysql://s3cret:4567u@h:1/d", "database 'd' on h:1"),
        ("postgresql://s3cret%26@a,b/d", "database 'd' on a,b"),
        ("postgresql://u@h%23s3cret/d", "database 'd' on ***"),
        ("sqlite:////x/d;password=s3cret.db", "database '***'"),
    ],
)
def test_a_database_url_shows_without_its_password(url: str, shown: str) -> None:
    assert str(DatabaseUrl.parse(url)) == shown
    assert "s3cret" not in repr(DatabaseUrl.parse(url)).replace("user='s3cret'", "")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "s3cret",
        "u:s3cret@h/d",
        "mysql:u:s3cret@h/d",
        "mysql://u:s3/cret@h/d",
        "mysql://u:s3#cret@h/d",
        "mysql://u:s3@s3cret@h/d",
        "mysql://u:s3cret?x@h/d",
        "mysql://u:s3cret",
        "mysql://h:s3cret/d",
        "mysql://h:99999/d",
        "mysql://h:\N{SUPERSCRIPT ONE}/d",
        "mysql://h/d?s3cret",
        "mysql://h/d?a=1&s3cret",
        "mysql://u:s3c\nret@h/d",
        "mysql://u:s3cret\t@h/d",
        "mysql://u:s3cret\x00@h/d",
        "mysql://u:s3cret\u2028@h/d",
        "mysql://u:s3cret@h/d\nmysql://u:s3cret@h/d",
        "mysql://u:s3cret@[::1/d",
        "mysql://u:s3cret@::1]/d",
        "mysql://u:s3cret@[::1]3306/d",
        "mysql://u:s3cret@[s3cret::1]/d",
        "mysql://u:s3cret@[]/d",
        "mysql://u:s3cret:h:3306/d",
        "mysql://h:s3cret:3306/d",
        "mysql://u;password=s3cret/d",
        "mysql://u@h;password=s3cret/d",
        "mysql://u@h%3Bpassword%3Ds3cret/d",
        "mysql://u@h s3cret/d",
        "postgresql://u;password=s3cret@a,b/d",
    ],
)
def test_an_invalid_database_url_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        DatabaseUrl.parse(url)

    error: BaseException | None = caught.value
    assert caught.value.field == "database URL"
    while error:
        assert "s3cret" not in f"{error} {error!r}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


@pytest.mark.parametrize("address", ["::1:3306", "2001:db8::7:5432", "fe80::1:9%25eth0:1,::1:1"])
def test_an_ipv6_address_that_could_end_in_a_port_is_refused(address: str) -> None:
    with pytest.raises(InvalidValue, match=r"write it like \[::1\]:3306, or .* like \[::1\]"):
        DatabaseUrl.parse(f"mysql://u:p@{address}/d")
