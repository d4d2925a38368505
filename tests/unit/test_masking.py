"""Masking the secrets in URLs: no secret shows in any context, and plain URLs stay readable."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostmap_sql.masking import MASK, MAX_URL_LENGTH, mask
from tests.support.pace import SLOWNESS

CANARY = "c4n4ry-S3cr3t"

# A secret in each place where one can stand.
PLACES = [
    "mysql://nova:{}@db1/nova",
    "mysql://nova:{}@db1:3306/nova?charset=utf8",
    "mysql://:{}@db1/nova",
    "mysql://{}@db1/nova",
    "mysql://{}:x-oauth-basic@db1/nova",
    "mysql://u%3A{}%40db1/nova",
    "mysql:nova:{}@db1/nova",
    "nova:{}@db1/nova",
    "rabbit://u:{}@mq1:5672,u:{}@mq2:5672/",
    "rabbit://u:x@{},u:y@mq1",
    "rabbit://u:x@mq1,u:{}@mq2/v",
    "rabbit://u:x@mq1/,u:{}@mq2/v",
    "{{scheme}}://{{u:{}}}/",
    "{{scheme}}://{{username}}:{}@{{hostname}}/x?{{query}}",
    "{{scheme}}://{{username}}:{{password}}@{{hostname}}/x?{{query}}&password={}",
    "mysql://db1/nova?password={}",
    "mysql://u:p@db1/nova?password={}",
    "mysql://u:p@db1/nova?charset=utf8&token={}&timeout=5",
    "mysql://u:p@db1/nova?charset=utf8;password={}",
    "mysql://u:p@db1/nova?charset=utf8?password={}",
    "mysql://u:p@db1/nova??password={}",
    "mysql://u:p@db1/nova?charset=utf8&{}",
    "mysql://u:p@db1/nova?{}",
    "mysql://u:p@db1/nova?password=p&{}",
    'mysql://u:p@db1/nova?ssl={{"key_password":"{}"}}',
    "mysql://u:p@db1/nova?driver=ODBC;PWD={}",
    "mysql://u:p@db1/nova?timeout={}",
    "mysql://u:p@db1/nova?port={}&charset=utf8",
    "mysql://u:p@db1/nova#{}",
    "mysql://db1/nova#{}",
    "mysql://db1:3306/nova#{}",
    "mysql://db1#{}",
    "mysql://u:p@db1/nova?charset=utf8#{}",
    "mysql://db1/nova;password={}",
    "mysql://u:p@db1/nova;password={}?charset=utf8",
    "mysql://u:p@db1/nova%3Fpassword%3D{}",
    "mysql://u:p@db1/nova?charset=utf8%26password%3D{}",
    "mysql://u:p@db1/nova?user=u:{}",
    "jdbc:mysql://db1/nova?user=u&password={}",
    "jdbc:sqlserver://db1;user=u;password={}",
    "mysql://db1\\nova:{}@x/d",
    "mysql://u\uff1a{}\uff20db1/nova",
    "mysql://u:p@db1/nova\uff1fpassword\uff1d{}",
]
PASSWORDS_WITHOUT_HOST = [
    "mysql://nova:{}",
    "mysql://nova:{}/nova",
    "mysql://db1:{}:3306/nova",
    "mysql://u\u02d0{}/d",
]

# Delimiters, their look-alikes, and what changes the meaning of what stands beside it.
SIGNS = "/#?@:%,;&={}[]()\\\"'|* \t\n\u2028\u202e\uff20\uff1a\uff0f"
neighbours = st.text(SIGNS, max_size=5)
without_at = st.text(SIGNS.replace("@", ""), max_size=5)


@pytest.mark.parametrize("place", PLACES)
@settings(max_examples=50)
@given(before=neighbours, after=neighbours)
def test_no_secret_shows_in_any_place(place: str, before: str, after: str) -> None:
    secret = f"{before}{CANARY}{after}"
    shown = mask(place.format(*[secret] * place.count("{}")))
    assert CANARY not in shown
    assert mask(shown) == shown


@pytest.mark.parametrize("place", PASSWORDS_WITHOUT_HOST)
@given(before=without_at.filter(lambda text: "/" not in text), after=without_at)
def test_a_password_without_its_host_does_not_show(place: str, before: str, after: str) -> None:
    assert CANARY not in mask(place.format(f"x{before}{CANARY}{after}"))


@given(
    st.lists(st.sampled_from([*SIGNS, "u", "p", "h", "7", "://", "mysql://", "charset=", CANARY]))
)
def test_a_secret_behind_a_colon_does_not_show_before_the_last_at(parts: list[str]) -> None:
    text = "".join(parts).replace(CANARY, "")
    assert CANARY not in mask(f"mysql://u:{CANARY}{text}@h/d")
    assert CANARY not in mask(f"mysql://u:p{text.replace('/', '')}?password={CANARY}")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mysql://u:p@db1/d?charset=utf8;password=s3cret", "mysql://u:***@db1/d?charset=***"),
        ("mysql://u:p@db1/d?a=1&b=2&charset=utf8", "mysql://u:***@db1/d?a=***&***&charset=utf8"),
        ("mysql://u:p@db1/d#s3cret", "mysql://u:***@db1/d#***"),
        ("mysql://db1/d;password=s3cret?charset=utf8", "mysql://db1/***"),
        ("mysql://u:p@db1/d#s3@cret", "mysql://***"),
        ("mysql://u:p@db1:s3cret/d", "mysql://***"),
        ("rabbit://u:x@s3cret,u:y@mq1", "rabbit://u:***@mq1"),
        ("mysql://0123456789abcdef0123@db1/d", "mysql://***@db1/d"),
        ("mysql://db1/d?czNjcmV0==", "mysql://db1/d?***"),
        (f"mysql://u:p@db1/{'x' * MAX_URL_LENGTH}", "mysql://***"),
        (f"{'x' * 60}://db1/d", MASK),
    ],
)
def test_doubtful_parts_are_masked(url: str, shown: str) -> None:
    assert mask(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        "mysql+pymysql://nova:***@controller/nova_cell1?charset=utf8",
        "mysql+pymysql://nova_api:***@10.0.0.11/nova_api",
        "mysql+pymysql://nova-cell-1:***@db.example.org:3306/nova?read_timeout=60&charset=utf8mb4",
        "mysql://u:***@db1/d?ssl_ca=/etc/ssl/ca.pem&ssl_verify_cert=true&sql_mode=TRADITIONAL",
        "mysql://u:***@db1/d?ssl_ca=%2Fetc%2Fssl%2Fca.pem",
        "postgresql://u:***@db1,db2:5433/d?target_session_attrs=read-write&connect_timeout=2.5",
        "postgresql://u:***@%2Fvar%2Frun%2Fpostgresql/d",
        "postgresql:///d?host=/var/run/postgresql",
        "mysql://u:***@[2001:db8::7]:3306/d",
        "mysql://u:***@[fe80::1%25eth0]:3306/d",
        "mysql://u:***@2001:db8::7/d",
        "rabbit://openstack:***@10.0.0.11:5672,openstack:***@10.0.0.12:5672/",
        "rabbit://a:***@mq1.example.org:5672,b:***@mq2.example.org/nova?heartbeat=60",
        "rabbit://nova:***@controller-1,nova:***@controller-2//cell1",
        "rabbit://nova@mq1:5672/%2Fnova",
        "rabbit://",
        "{scheme}://{username}:***@{hostname}:{port}/nova_cell1?{query}",
        "{scheme}://{username1}:***@{hostname1}:{port1},{username2}:***@{hostname2}:{port2}/v",
        "{scheme}://{username}:***@{hostname}/{path}?{query}&charset=utf8#{fragment}",
        "{scheme}://{netloc}/nova?{query}",
        "sqlite:////var/lib/hostmap/hostmap.db",
    ],
)
def test_plain_urls_stay_readable(url: str) -> None:
    assert mask(url) == url
    assert mask(url.replace(MASK, "s3cr%2Ft")) == url


MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    "piece", [*SIGNS, "a", "7", ".", "\x1b", "a,", "u:p@h,", "a=b&", "://", "%2F"]
)
@pytest.mark.parametrize(
    "start", ["", "a://", "a://u:", "a://u:p@", "a://h/", "a://h/d?", "a://h#"]
)
def test_long_text_is_masked_in_linear_time(start: str, piece: str) -> None:
    text = start + piece * (MEGABYTE // len(piece))
    for url in (text, text[: MAX_URL_LENGTH - 1], f"{text}@h", f"{text[: MAX_URL_LENGTH - 4]}@h"):
        started = process_time()
        mask(url)
        assert process_time() - started < 0.25 * SLOWNESS
