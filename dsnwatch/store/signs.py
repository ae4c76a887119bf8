"""Signs of life, and what was sent: what shows that an address takes mail, and mail is ours."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Engine, func, select, text

from dsnwatch.records import Life, Sign
from dsnwatch.store.connections import reading
from dsnwatch.store.questions import Question
from dsnwatch.store.sign_tables import LIFE, SENT, SENT_COUNT
from dsnwatch.store.statements import Statements
from dsnwatch.store.tables import EVENT, SUPPRESSION
from dsnwatch.store.values import from_micros, storable, to_micros

_HOUR_MICROS = 3600 * 10**6
_PUT_LIFE = text(
    "INSERT INTO life (address, at, source, message, before, node) "
    "VALUES (:address, :at, :source, :message, NULL, :node) "
    "ON CONFLICT (address) DO UPDATE SET "
    "before = CASE WHEN life.at IS NULL OR excluded.at > life.at THEN life.at "
    "WHEN life.before IS NULL OR excluded.at > life.before THEN excluded.at "
    "ELSE life.before END, "
    "source = CASE WHEN life.at IS NULL OR excluded.at > life.at THEN excluded.source "
    "ELSE life.source END, "
    "message = CASE WHEN life.at IS NULL OR excluded.at > life.at THEN excluded.message "
    "ELSE life.message END, "
    "at = CASE WHEN life.at IS NULL OR excluded.at > life.at THEN excluded.at ELSE life.at END "
    "WHERE life.at IS NULL OR excluded.at <> life.at"
)
_NO_LIFE = text(
    "UPDATE life SET at = before, before = NULL, message = NULL "
    "WHERE address = :address AND message = :message"
)
_COUNT_SENT = text(
    "INSERT INTO sent_count (hour, stream, campaign, messages) "
    "VALUES (:hour, :stream, :campaign, :messages) "
    "ON CONFLICT (hour, stream, campaign) "
    "DO UPDATE SET messages = sent_count.messages + excluded.messages"
)
_SIGNS = Question(
    select(LIFE.c.address, LIFE.c.at, LIFE.c.message, LIFE.c.before).where(LIFE.c.at.is_not(None)),
    LIFE.c.address,
)
_KNOWN = [
    Question(select(column).distinct(), column)
    for column in (EVENT.c.address, SUPPRESSION.c.address, LIFE.c.address)
]
_SENDS = Question(select(SENT.c.key), SENT.c.key)


class SignQueries:
    """The reading half; a part of `Store`."""

    _engine: Engine
    _where: str

    def sent_counts(self, since: datetime) -> list[tuple[str, str, int]]:
        """Count what was sent from the hour of a moment on: stream, campaign, messages."""
        hour = to_micros(since) // _HOUR_MICROS
        statement = (
            select(SENT_COUNT.c.stream, SENT_COUNT.c.campaign, func.sum(SENT_COUNT.c.messages))
            .where(SENT_COUNT.c.hour >= hour)
            .group_by(SENT_COUNT.c.stream, SENT_COUNT.c.campaign)
            .order_by(SENT_COUNT.c.stream, SENT_COUNT.c.campaign)
        )
        with reading(self._engine, self._where) as connection:
            return [(row[0], row[1], int(row[2])) for row in connection.execute(statement)]


class SignWrites(Statements):
    """The writing half; a part of `Writer`."""

    def life_of(self, addresses: Iterable[str]) -> dict[str, Life]:
        """Find the last sign of life of each address; those without one are absent."""
        asked = {storable(address): address for address in addresses}
        if not asked or self._is_empty(LIFE):
            return {}
        rows = self._ask(_SIGNS, asked)
        return {
            asked[address]: Life(
                from_micros(at), message, None if before is None else from_micros(before)
            )
            for address, at, message, before in rows
        }

    def known_addresses(self, addresses: Iterable[str]) -> set[str]:
        """Find which addresses anything is known of: events, a suppression, a sign of life."""
        asked = {storable(address): address for address in addresses}
        found: set[str] = set()
        for question in _KNOWN:
            found |= {asked[row[0]] for row in self._ask(question, asked)}
        return found

    def add_signs(self, signs: Sequence[Sign]) -> None:
        """Note signs of life; of each address the last one counts."""
        rows = [
            {
                "address": storable(sign.address),
                "at": to_micros(sign.at),
                "source": sign.source,
                "message": sign.message,
                "node": self._node,
            }
            for sign in sorted(signs, key=lambda sign: (sign.address, sign.at))
        ]
        if rows:
            self._connection.execute(_PUT_LIFE, rows)

    def take_back_signs(self, failed: Sequence[tuple[str, int]]) -> None:
        """Let signs be none that came of messages which failed after all.

        Args:
            failed: Addresses, and keys of the messages.
        """
        if failed:
            self._connection.execute(
                _NO_LIFE,
                [{"address": storable(address), "message": message} for address, message in failed],
            )

    def knows_sends(self) -> bool:
        """Whether anything was ever told of what was sent."""
        return not self._is_empty(SENT)

    def sent_among(self, keys: Iterable[int]) -> set[int]:
        """Find which messages were sent, by their keys."""
        return {row[0] for row in self._ask(_SENDS, keys)}

    def add_sent(self, keys: Iterable[int]) -> None:
        """Note messages that were sent; none of them may be there already."""
        self._add(SENT, [{"key": key} for key in sorted(keys)])

    def count_sent(self, counts: Mapping[tuple[int, str, str], int]) -> None:
        """Add to what was sent, by hour (since 1970), stream and campaign."""
        rows = [
            {
                "hour": hour,
                "stream": storable(stream),
                "campaign": storable(campaign),
                "messages": messages,
            }
            for (hour, stream, campaign), messages in sorted(counts.items())
        ]
        if rows:
            self._connection.execute(_COUNT_SENT, rows)

    def addresses_alive(self) -> int:
        """Count the addresses that ever showed a sign of life."""
        return self._connection.scalar(select(func.count()).select_from(LIFE)) or 0
