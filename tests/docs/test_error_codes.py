"""The page of the error codes is what the code says."""

from __future__ import annotations

from hostmap_sql.dialects.base import Fault
from tests.docs.error_codes import _OUTCOMES, PAGE, page


def test_the_page_of_error_codes_is_what_the_tables_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tests.docs.error_codes`"


def test_the_page_says_of_each_class_what_it_leads_to() -> None:
    assert list(_OUTCOMES) == list(Fault)
    for fault, (statement, commit) in _OUTCOMES.items():
        assert ("run again" in statement) == fault.is_transient
        assert ("new connection" in statement) == fault.spoils_connection
        assert (commit == "settled") == fault.leaves_commit_in_doubt
