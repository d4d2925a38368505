"""`fill_url`: fills a URL that is a template, without importing the other tools for Nova."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from hostmap_sql.concealing import HiddenFrames, SecretText, conceal, type_name
from hostmap_sql.errors import InvalidValue
from hostmap_sql.secret_arguments import hide_arguments_with_urls
from hostmap_sql.secret_url import SecretUrl

if TYPE_CHECKING:
    from collections.abc import Collection

UrlField = Literal["database_connection", "transport_url"]
"""The names of the URLs of a cell."""


@hide_arguments_with_urls
def fill_url(
    url: str | SecretUrl,
    base: str | SecretUrl,
    *,
    field: UrlField = "database_connection",
    trusted_hosts: Collection[str] = (),
) -> SecretUrl:
    """Fill a URL of a cell that is a template of Nova's, such as ``{scheme}://{username}:...``.

    Any other URL is returned unchanged. The user and the password of `base` are filled only into a
    URL that leads to its hosts, or to trusted ones: otherwise a writer of the table could have them
    sent elsewhere. To also connect to cells, see `hostmap_sql.nova.CellAccess`.

    :param url: the URL, sealed or not.
    :param base: the URL that fills it: Nova's ``[database]/connection``, or for message queues its
        ``[DEFAULT]/transport_url``.
    :param field: the name of the URL in its cell.
    :param trusted_hosts: hosts that may receive its user and password, in addition to its own.
    :raises InvalidValue: the template cannot be filled, or would send the password elsewhere.
    :raises SecretUnavailable: the URL cannot be opened or followed.

    >>> url = SecretUrl("rabbit://{username}:{password}@{hostname}:{port}/cell1")
    >>> filled = fill_url(url, "rabbit://nova:s3cret@mq1:5672/", field="transport_url")
    >>> filled, filled.reveal()
    (SecretUrl('rabbit://nova:***@mq1:5672/cell1'), 'rabbit://nova:s3cret@mq1:5672/cell1')
    """
    # Lazy, so that importing the library imports no tool for Nova.
    from hostmap_sql.nova.templates import fill_template  # noqa: PLC0415

    given = {"url": conceal(url), "base": conceal(base)}
    del url, base
    if field not in get_args(UrlField):
        raise InvalidValue("field", f"must be one of {', '.join(get_args(UrlField))}")
    texts = {}
    for name, value in given.items():
        if not isinstance(value, str | SecretUrl):
            raise InvalidValue(name, f"must be a URL, not {type_name(value)}")
        texts[name] = value if isinstance(value, str) else SecretText(value.reveal())
    with HiddenFrames():
        filled = fill_template(texts["url"], texts["base"], trusted_hosts, field=field)
        return SecretUrl(filled)
