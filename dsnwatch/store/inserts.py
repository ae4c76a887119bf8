"""How rows are inserted: the statements, each written down once."""

from collections.abc import Callable, Sequence
from functools import lru_cache

from sqlalchemy import Dialect, Insert, LargeBinary, Table, bindparam, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from dsnwatch.store.postgres_arrays import array
from dsnwatch.store.rows import Values

Inserting = Callable[[Table, str], Insert]
"""Makes the INSERT for a table and a dialect's name: what to do with a row that is there."""


def plain(table: Table, _: str) -> Insert:
    """Insert; no row may be there."""
    return insert(table)


def over(table: Table, dialect: str) -> Insert:
    """Insert, or overwrite the row with the same primary key."""
    statement: postgresql.Insert | sqlite.Insert = (
        postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    )
    keys = list(table.primary_key)
    others = {each.name: statement.excluded[each.name] for each in table.c if each not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=others)


def adding(table: Table, dialect: str) -> Insert:
    """Insert, or add to the row with the same primary key what is not of the key."""
    statement: postgresql.Insert | sqlite.Insert = (
        postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    )
    keys = list(table.primary_key)
    sums = {each.name: each + statement.excluded[each.name] for each in table.c if each not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=sums)


def octets(table: Table, columns: Sequence[str]) -> list[int]:
    """Number the columns that hold octets."""
    return [at for at, name in enumerate(columns) if isinstance(table.c[name].type, LargeBinary)]


@lru_cache(maxsize=64)
def laid_out(
    table: Table, columns: tuple[str, ...], dialect: Dialect, how: Inserting
) -> tuple[str, Sequence[str] | None]:
    """Write the statement that inserts such rows, and the order it wants their values in.

    Each costs half a millisecond, which a group of a few messages would pay six times.

    Returns:
        The statement, and the columns in the order of its places. PostgreSQL gets one array a
        column (`arrays`), named by its number, and so all rows in one statement; there the order
        is None.
    """
    if dialect.name == "postgresql":
        arrays = [
            bindparam(f"a{number}", type_=postgresql.ARRAY(table.c[name].type))
            for number, name in enumerate(columns)
        ]
        given = func.unnest(*arrays).table_valued(*columns, name="given").render_derived()
        rows = select(*(given.c[name] for name in columns))
        made = how(table, dialect.name).from_select(columns, rows).compile(dialect=dialect)
        text = str(made)
        for number in octets(table, columns):  # octets as they are: half of what they are in text
            text = text.replace(f"%(a{number})s", f"%(a{number})b")
        return text, None
    compiled = how(table, dialect.name).compile(dialect=dialect, column_keys=list(columns))
    return str(compiled), compiled.positiontup


def arrays(table: Table, names: Sequence[str], rows: Sequence[Values]) -> dict[str, object]:
    """Give what such a statement is given on PostgreSQL: an array a column."""
    raw = {*octets(table, names)}
    columns = zip(*rows, strict=True)
    return {f"a{at}": [*each] if at in raw else array(each) for at, each in enumerate(columns)}
