"""The arguments of the calls that write cells: checked, with concealed URLs."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from hostmap_sql.concealing import conceal
from hostmap_sql.errors import InvalidValue
from hostmap_sql.models import URL_FIELDS
from hostmap_sql.quoting import mask_name
from hostmap_sql.validation import valid_cell_name, valid_flag, valid_url


class Unset(Enum):
    """The default of an argument for which None is a value of its own."""

    UNSET = "unset"


UNSET = Unset.UNSET

_PLAIN_FIELDS = frozenset({"name", "uuid", "disabled", "expected_revision"})

_FIELDS = ("name", *URL_FIELDS, "disabled")


def conceal_unless_unset(value: Any) -> Any:
    """Conceal a URL, unless the caller gave none."""
    return value if value is UNSET else conceal(value)


def conceal_changes(changes: Any) -> Any:
    """Conceal the URLs in the argument of `Cells.update_many`."""
    if not isinstance(changes, Mapping):
        return conceal(changes)
    return {key: conceal_fields(values) for key, values in changes.items()}


def conceal_fields(values: Any) -> Any:
    """Conceal all named values of a cell, except those of fields that never hold secrets."""
    if not isinstance(values, Mapping):
        return conceal(values)
    return {
        name: value if name in _PLAIN_FIELDS else conceal_unless_unset(value)
        for name, value in values.items()
    }


def valid_values(uuid: str, values: Mapping[str, object]) -> dict[str, Any]:
    """Check the new values of a cell."""
    if not isinstance(values, Mapping):
        raise InvalidValue(f"cell {uuid}", "must have a mapping of its new values")
    valid: dict[str, Any] = {}
    for field, value in values.items():
        if field == "name":
            valid[field] = valid_cell_name(value, uuid)
        elif field in URL_FIELDS:
            valid[field] = valid_url(value, field)
        elif field == "disabled":
            valid[field] = valid_flag(value, field)
        else:
            raise InvalidValue(f"field {mask_name(field)!r}", f"is not one of {', '.join(_FIELDS)}")
    return valid
