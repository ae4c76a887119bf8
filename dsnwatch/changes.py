"""Changes to the suppression list, each with its news and its line in the audit log.

Whoever changes it goes through here: commands, signs of life, rollbacks, sweeps. One object is one
writing transaction.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import filterfalse
from typing import TYPE_CHECKING

from dsnwatch.news import news_of_change, rfc3339, suppression_by
from dsnwatch.policy import merge, running
from dsnwatch.policy.again import longest
from dsnwatch.records import Release, Suppression
from dsnwatch.rfc.keyed_hash import MARK
from dsnwatch.store import new_id
from dsnwatch.store.ids import first_id
from dsnwatch.subscriptions import NOBODY, Subscriptions

if TYPE_CHECKING:
    from dsnwatch.store import Writer

Key = tuple[str, str]
"""Address and stream."""


class Changes:
    """What is done to the list in one transaction.

    Args:
        writer: The transaction.
        now: This moment.
        who: For the audit log: `cli:anne`, `policy`.
        wanted: Which hooks want to be told.
    """

    def __init__(
        self, writer: "Writer", now: datetime, who: str, wanted: Subscriptions = NOBODY
    ) -> None:
        self._writer = writer
        self._now = now
        self._who = who
        self._wanted = wanted

    def put(self, new: Sequence[Suppression]) -> list[Suppression]:
        """Suppress addresses; one that is suppressed for as long already stays as it is.

        Returns:
            Those that were written.
        """
        standing = self._standing({each.address for each in new})
        written: dict[Key, Suppression] = {}
        former: list[tuple[str, Suppression]] = []
        for each in new:
            key = (each.address, each.stream)
            before = standing.get(key)
            if merge(before, each) is None:
                if before is not None and before.event_id and each.origin == "manual":
                    former.append((new_id(self._now), each))  # it stands when that is taken back
                continue
            if before is not None and key not in written:
                former.append((new_id(self._now), before))
            standing[key] = written[key] = each
        self._writer.put_suppressions([*written.values()], former)
        self._tell("suppression.added", written.values(), "")
        return [*written.values()]

    def release(
        self, keys: Iterable[Key], because: str, *, verb: str = "suppression.remove"
    ) -> dict[Key, Suppression]:
        """Let addresses be mailed again, whatever the list said of them before.

        What was told of them up to now counts no more.

        Args:
            keys: Addresses, normalised, each with its stream.
            because: Why.
            verb: For the audit log.

        Returns:
            What was said of each; those that were not on the list are absent.
        """
        wanted = [*dict.fromkeys(keys)]
        standing = self._standing({address for address, _ in wanted})
        gone = {key: standing[key] for key in wanted if key in standing}
        if not gone:
            return gone
        self._writer.remove_suppressions([*gone])
        former = self._writer.former_of({address for address, _ in gone})
        self._writer.forget_former([id_ for key in gone for id_, _ in former.get(key, ())])
        self._writer.put_releases(
            [
                Release(new_id(self._now), address, self._now, self._who, because, stream)
                for address, stream in gone
            ]
        )
        for (address, _), said in gone.items():
            self._audit(verb, address, because, detail_of(said))
        self._tell("suppression.removed", gone.values(), because)
        return gone

    def without(
        self, addresses: Iterable[str], gone: Callable[[Suppression], bool]
    ) -> dict[Key, tuple[Suppression, Suppression | None]]:
        """Say what the list would say without some of its rows, and change nothing.

        Args:
            addresses: Whose rows.
            gone: Says of a row whether it is one of those.

        Returns:
            What is on the list, and what would be in its place: what it said before, what other
            events ask for, or nothing.
        """
        asked = [*dict.fromkeys(addresses)]
        standing = {key: row for key, row in self._standing(asked).items() if gone(row)}
        if not standing:
            return {}
        former = self._writer.former_of(asked)
        releases = self._writer.releases_of(asked)
        asking = self._writer.suppressing_events(asked)
        result: dict[Key, tuple[Suppression, Suppression | None]] = {}
        for key, was in standing.items():
            last = [one.id for one in releases.get(key[0], ()) if one.stream == key[1]]
            told = [
                suppression_by(stored)
                for stored in asking.get(key[0], ())
                if stored.decision.stream == key[1] and stored.id > max(last, default="")
            ]
            rows = [*(row for _, row in former.get(key, ())), *told]
            result[key] = (was, longest(sorted(filterfalse(gone, rows), key=_made)))
        return result

    def take_back(
        self,
        addresses: Iterable[str],
        gone: Callable[[Suppression], bool],
        because: str,
        *,
        verb: str,
    ) -> dict[Key, tuple[Suppression, Suppression | None]]:
        """Undo what was put on the list, as if it had never been.

        Args:
            addresses: Whose.
            gone: Says of a row whether it is one of those to undo.
            because: Why.
            verb: For the audit log.

        Returns:
            As `without` does.
        """
        asked = [*dict.fromkeys(addresses)]
        result = self.without(asked, gone)
        settled = []
        for key, rows in self._writer.former_of(asked).items():
            now = result[key][1] if key in result else None
            settled += [id_ for id_, row in rows if gone(row) or row == now]
        self._writer.forget_former(settled)
        self._writer.remove_suppressions([key for key, (_, now) in result.items() if now is None])
        self._writer.put_suppressions([now for _, now in result.values() if now is not None])
        for (address, _), (was, now) in result.items():
            detail = {"before": detail_of(was), "after": now and detail_of(now)}
            self._audit(verb, address, because, detail)
        free = [was for was, now in result.values() if now is None or not running(now, self._now)]
        self._tell("suppression.removed", free, because)
        return result

    def replace(self, changed: Sequence[tuple[Suppression, Suppression]], because: str) -> None:
        """Put other rows in the place of some, for instance ones that end earlier."""
        self._writer.put_suppressions([after for _, after in changed])
        for before, after in changed:
            detail = {"before": detail_of(before), "after": detail_of(after)}
            self._audit("suppression.change", before.address, because, detail)

    def lift(self, keys: Iterable[Key], until: datetime, because: str) -> list[Key]:
        """Try addresses again: what the list says of them holds back nothing before a moment.

        Returns:
            Those that are tried; what is not on the list, or does not hold now, is left out.
        """
        wanted = [*dict.fromkeys(keys)]
        standing = self._standing({address for address, _ in wanted})
        rows = {
            key: standing[key]
            for key in wanted
            if key in standing and running(standing[key], self._now)
        }
        self._writer.put_suppressions([row._replace(lifted_until=until) for row in rows.values()])
        self._writer.begin_trials([*rows], self._now)
        for (address, _), row in rows.items():
            detail = {**detail_of(row), "lifted_until": rfc3339(until)}
            self._audit("suppression.try", address, because, detail)
        self._tell("suppression.removed", rows.values(), because)
        return [*rows]

    def end_trials(self, until: datetime, limit: int) -> int:
        """Let suppressions hold again whose trial began up to a moment; counts trials that ended.

        Whoever showed life or failed meanwhile is free or suppressed anew, and left as he is.
        """
        over = self._writer.end_trials(until, limit)
        standing = self._standing({address for address, _ in over})
        rows = [
            standing[key]._replace(lifted_until=None)
            for key in dict.fromkeys(over)
            if key in standing and standing[key].lifted_until is not None
        ]
        self._writer.put_suppressions(rows)
        self._tell("suppression.added", rows, "the trial is over, and no sign of life came")
        return len(over)

    def _standing(self, addresses: Iterable[str]) -> dict[Key, Suppression]:
        rows = self._writer.suppressions_of(addresses)
        return {(row.address, row.stream): row for some in rows.values() for row in some}

    def _tell(self, type_: str, rows: Iterable[Suppression], because: str) -> None:
        """Tell other systems of rows that hold now, or did until now; not of the forgotten."""
        news = [
            told
            for row in rows
            if running(row, self._now) and not row.address.startswith(MARK)
            for told in news_of_change(
                self._wanted,
                type_,
                new_id(self._now),
                row._replace(note=because) if because else row,
                self._now,
            )
        ]
        self._writer.add_news(news, self._now)

    def _audit(self, verb: str, subject: str, because: str, detail: Mapping[str, object]) -> None:
        self._writer.audit(self._now, self._who, verb, subject, because, detail)


def detail_of(suppression: Suppression) -> dict[str, object]:
    """Write a suppression down for the audit log; its address is the line's subject."""
    return {
        "stream": suppression.stream,
        "reason": suppression.reason,
        "origin": suppression.origin,
        "rule": suppression.rule,
        "since": rfc3339(suppression.since),
        "until": None if suppression.until is None else rfc3339(suppression.until),
        "event_id": suppression.event_id,
        "note": suppression.note,
    }


def _made(suppression: Suppression) -> str:
    """Sort rows by when they were put on the list."""
    return suppression.event_id or first_id(suppression.since)
