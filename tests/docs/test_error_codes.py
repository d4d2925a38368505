"""The page of the error codes matches the code."""

from __future__ import annotations

from hostmap_sql.dialects.fault import Fault
from tests.docs.error_codes import _OUTCOMES, PAGE, page


def test_the_page_of_error_codes_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tests.docs.error_codes`"


def test_the_page_has_the_consequences_of_each_class() -> None:
    assert list(_OUTCOMES) == list(Fault)
    for fault, (statement, commit) in _OUTCOMES.items():
        assert ("retried" in statement) == fault.is_transient
        assert ("new connection" in statement) == fault.spoils_connection
        assert (commit == "resolved") == fault.leaves_commit_in_doubt
