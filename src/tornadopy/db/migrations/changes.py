"""What an operation of a migration does, in words for the terminal and for the name of its file.

Asked by `tornadopy.db.migrations.making`; knows Alembic's operations alone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from alembic.operations import ops

__all__ = ["describe", "name_of", "renames"]


_WORDS: dict[type[ops.MigrateOperation], str] = {
    ops.CreateTableOp: "create table {0.table_name}",
    ops.DropTableOp: "drop table {0.table_name}",
    ops.AddColumnOp: "add column {0.table_name}.{0.column.name}",
    ops.DropColumnOp: "drop column {0.table_name}.{0.column_name}",
    ops.AlterColumnOp: "alter column {0.table_name}.{0.column_name}",
    ops.CreateIndexOp: "create index {0.index_name} on {0.table_name}",
    ops.DropIndexOp: "drop index {0.index_name} on {0.table_name}",
    ops.CreateForeignKeyOp: "create foreign key {0.constraint_name} on {0.source_table}",
    ops.CreateUniqueConstraintOp: "create unique constraint {0.constraint_name} on {0.table_name}",
    ops.DropConstraintOp: "drop constraint {0.constraint_name} on {0.table_name}",
}


def describe(operation: ops.MigrateOperation) -> str:
    """Return what *operation* does: ``add column articles.title``."""
    words = _WORDS.get(type(operation))
    if words is not None:
        return words.format(operation)
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(operation).__name__.removesuffix("Op"))
    return f"{name.lower()} {getattr(operation, 'table_name', '')}".rstrip()


def name_of(operation: ops.MigrateOperation) -> str:
    """Return a name for a migration that begins with *operation*."""
    return " ".join(describe(operation).replace(".", " ").split())


def renames(operations: Iterable[ops.MigrateOperation]) -> Iterator[str]:
    """Yield what may have been meant as a new name and would lose data, in sentences."""
    dropped: defaultdict[str, list[str]] = defaultdict(list)
    added: defaultdict[str, list[str]] = defaultdict(list)
    tables: defaultdict[type, list[str]] = defaultdict(list)
    for each in operations:
        if isinstance(each, ops.DropColumnOp):
            dropped[each.table_name].append(each.column_name)
        elif isinstance(each, ops.AddColumnOp):
            added[each.table_name].append(each.column.name)
        elif isinstance(each, ops.CreateTableOp | ops.DropTableOp):
            tables[type(each)].append(each.table_name)
    for table in dropped.keys() & added.keys():
        yield (
            f"{table}: {', '.join(dropped[table])} is dropped with its data, {', '.join(added[table])} is added; if it "
            "only has a new name, write alter_column(old, new_column_name=new) in their place"
        )
    if len(tables) > 1:
        yield (
            f"{', '.join(tables[ops.DropTableOp])} is dropped with its rows, {', '.join(tables[ops.CreateTableOp])} is "
            "created; if it only has a new name, write rename_table(old, new) in their place"
        )
