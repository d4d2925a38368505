"""The contract tests of cells, with sealed URLs."""

from __future__ import annotations

import pytest

from tests.aio.test_conformance import contents
from tests.contract import test_cells, test_update_many

# Sealed text is plain ASCII; test_sealed_urls.py reads and writes it on all databases.
pytestmark = pytest.mark.one_database

# Of 4-byte characters, the longest URL is too long when sealed: see test_sealed_urls.py.
_TOO_LONG = "test_cells_templates_and_long_urls_are_kept_as_they_are"

for _module in (test_cells, test_update_many):
    globals().update((name, test) for name, test in contents(_module) if name != _TOO_LONG)
