"""The contract tests of the synchronous API, run through the asyncio API on one database."""

from __future__ import annotations

from importlib import import_module

import pytest

from tests.aio.test_conformance import contents

pytestmark = pytest.mark.one_database

for _name in ("bulk", "cells", "history", "lists", "update_many", "wait_for_hosts"):
    globals().update(contents(import_module(f"tests.contract.test_{_name}")))
