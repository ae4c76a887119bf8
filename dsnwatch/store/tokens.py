"""Tokens and the sessions opened with them; secrets are nowhere, only their hashes."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Engine, RowMapping, bindparam, delete, or_, select, update

from dsnwatch.model import Scope
from dsnwatch.records import Token
from dsnwatch.store.connections import reading
from dsnwatch.store.daemon_tables import TOKEN
from dsnwatch.store.statements import Statements
from dsnwatch.store.values import from_micros, storable, to_micros


class TokenQueries:
    """The reading half; a part of `Store`."""

    _engine: Engine
    _where: str

    def token(self, id_: str) -> Token | None:
        """Find a token or a session, run out or not."""
        statement = select(TOKEN).where(TOKEN.c.id == storable(id_))
        with reading(self._engine, self._where) as connection:
            row = connection.execute(statement).mappings().first()
        return None if row is None else _token_of(row)

    def tokens(self) -> list[Token]:
        """List the tokens, oldest first; sessions are left out."""
        statement = select(TOKEN).where(TOKEN.c.parent.is_(None))
        statement = statement.order_by(TOKEN.c.made_at, TOKEN.c.id)
        with reading(self._engine, self._where) as connection:
            return [_token_of(row) for row in connection.execute(statement).mappings()]


class TokenWrites(Statements):
    """The writing half; a part of `Writer`."""

    def add_token(self, token: Token) -> None:
        """Let somebody in from now on."""
        row = {
            "id": token.id,
            "name": storable(token.name),
            "hash": token.hash,
            "scopes": " ".join(sorted(token.scopes)),
            "made_at": to_micros(token.made_at),
            "made_by": storable(token.made_by),
            "until": None if token.until is None else to_micros(token.until),
            "used_at": None if token.used_at is None else to_micros(token.used_at),
            "parent": token.parent,
            "node": self._node,
        }
        self._add(TOKEN, [row])

    def remove_token(self, id_: str) -> int:
        """Let nobody in with a token any more, nor with the sessions opened with it; counts all."""
        these = or_(TOKEN.c.id == id_, TOKEN.c.parent == id_)
        return self._connection.execute(delete(TOKEN).where(these)).rowcount

    def use_tokens(self, used: Mapping[str, datetime]) -> None:
        """Note when tokens were last seen, by their ids."""
        if used:
            statement = (
                update(TOKEN).where(TOKEN.c.id == bindparam("i")).values(used_at=bindparam("at"))
            )
            self._connection.execute(
                statement, [{"i": id_, "at": to_micros(at)} for id_, at in used.items()]
            )

    def sweep_sessions(self, before: datetime) -> int:
        """Let go of sessions that ended before a moment; counts them."""
        old = (TOKEN.c.parent.is_not(None), TOKEN.c.until < to_micros(before))
        return self._connection.execute(delete(TOKEN).where(*old)).rowcount


def _token_of(row: RowMapping) -> Token:
    return Token(
        id=row["id"],
        name=row["name"],
        hash=row["hash"],
        scopes=frozenset(map(Scope, row["scopes"].split())),
        made_at=from_micros(row["made_at"]),
        made_by=row["made_by"],
        until=None if row["until"] is None else from_micros(row["until"]),
        used_at=None if row["used_at"] is None else from_micros(row["used_at"]),
        parent=row["parent"],
    )
