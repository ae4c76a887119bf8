"""How rows are asked for by many values at once: the statements, each written down once."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Dialect, Select, bindparam, func, select
from sqlalchemy.dialects import postgresql

from dsnwatch.rfc.json_text import to_json
from dsnwatch.store.postgres_arrays import array

_AMONG = "among"

Parameters = dict[str, Any] | tuple[Any, ...]


class Question:
    """Asks for the rows whose column has one of some values.

    They go as one parameter: one each costs SQLAlchemy more than the look-up itself. Made once,
    where a module begins: to put a statement together costs as much as a hundred look-ups.

    Args:
        statement: What is wanted of the rows; what it leaves open are bound parameters.
        column: Which has one of the values.
    """

    __slots__ = ("_column", "_spelt", "_statement")

    def __init__(
        self, statement: Select[*tuple[Any, ...]], column: ColumnElement[str] | ColumnElement[int]
    ) -> None:
        self._statement = statement
        self._column = column
        self._spelt: dict[str, tuple[str, tuple[str, ...] | None, dict[str, Any]]] = {}

    def for_driver(
        self, dialect: Dialect, values: Iterable[str | int], given: dict[str, Any]
    ) -> tuple[str, Parameters]:
        """Give the statement and its parameters as the driver takes them.

        Args:
            dialect: Of the database.
            values: One of which the column has.
            given: What the statement leaves open besides, by name.
        """
        if dialect.name not in self._spelt:
            self._spelt[dialect.name] = self._spell(dialect)
        text, order, fixed = self._spelt[dialect.name]
        if order is None:
            return text, fixed | given | {_AMONG: array(values)}
        named = fixed | given | {_AMONG: to_json(list(values))}
        return text, tuple(named[name] for name in order)

    def _spell(self, dialect: Dialect) -> tuple[str, tuple[str, ...] | None, dict[str, Any]]:
        """Write it down: the text, the order of its places, and the values that are part of it."""
        if dialect.name == "postgresql":
            array = bindparam(_AMONG, type_=postgresql.ARRAY(self._column.type))
            wanted = self._statement.where(self._column == func.any(array))
        else:
            one = func.json_each(bindparam(_AMONG)).table_valued("value")
            wanted = self._statement.where(self._column.in_(select(one.c.value)))
        compiled = wanted.compile(dialect=dialect)
        order = compiled.positiontup
        return str(compiled), None if order is None else tuple(order), dict(compiled.params)
