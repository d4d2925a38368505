"""The statements on the directory's tables, and the rights that they need, by subject.

Callers write ``sql.HOST_GET``. Reads take no locks. Each write transaction first locks the row of
mapping_revision with REVISION_TAKE, so its reads stay valid until it commits.
"""
# ruff: noqa: F403 - the modules define little else, and each statement is listed in one place

from hostmap_sql.sql import cells, check, history, hosts, migrations, revision
from hostmap_sql.sql.cells import *
from hostmap_sql.sql.check import *
from hostmap_sql.sql.history import *
from hostmap_sql.sql.hosts import *
from hostmap_sql.sql.migrations import *
from hostmap_sql.sql.revision import *
from hostmap_sql.sql.statement import Statement as Statement

MODULES = (hosts, cells, revision, history, check, migrations)

STATEMENTS: tuple[Statement, ...] = tuple(
    value for module in MODULES for value in vars(module).values() if isinstance(value, Statement)
)
