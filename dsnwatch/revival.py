"""What follows from signs of life: soft failures before them count no more.

A sign of life is a delivered report, a `status=sent` in our mail server's log, an automatic reply,
a reply, or a word of the sender's own system. Whoever was suppressed for soft failures alone, all
of them before the sign, is let go of; a dead address stays on the list, among the doubtful.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dsnwatch.changes import Changes
from dsnwatch.matching import message_key
from dsnwatch.model import Action, Kind, Trust
from dsnwatch.news import suppression_by
from dsnwatch.policy import Policy
from dsnwatch.policy.again import again, longest
from dsnwatch.records import BounceEvent, DecisionAction, Release, Sign, StoredEvent, Suppression
from dsnwatch.subscriptions import NOBODY, Subscriptions

if TYPE_CHECKING:
    from dsnwatch.store import Writer


BY_LIFE = "policy"
"""Who lets go of somebody that showed life, in the audit log."""
_SUCCESS, _AUTO_REPLY = Kind.SUCCESS, Kind.AUTO_REPLY
_BACKSCATTER = Trust.BACKSCATTER


def sign_of(event: BounceEvent, original: str | None) -> Sign | None:
    """Say whether an event shows that its recipient takes mail.

    Args:
        event: Any event.
        original: Message-ID of the message it is about, if it names one.

    Returns:
        None where it shows nothing: what was merely relayed or expanded may fail yet.
    """
    if event.attribution.trust is _BACKSCATTER:
        return None
    if event.kind is _SUCCESS and event.recipient.action is Action.DELIVERED:
        source = "delivered"
    elif event.kind is _AUTO_REPLY:
        source = "reply"
    else:
        return None
    address = event.attribution.recipient
    message = message_key(original, address) if original and source == "delivered" else None
    return Sign(address, event.occurred_at, source, message)


def settled_at(
    alive_at: datetime | None, releases: Sequence[Release], stream: str = ""
) -> datetime | None:
    """Say up to when failures of an address are settled: by a sign of life, or by a release."""
    moments = [one.at for one in releases if one.stream in {"", stream}]
    return max([*moments, *([alive_at] if alive_at else [])], default=None)


def revive(
    writer: "Writer",
    policy: Policy,
    signs: Sequence[Sign],
    now: datetime,
    wanted: Subscriptions = NOBODY,
) -> list[Suppression]:
    """Note signs of life, and let go of whom they free.

    Args:
        writer: The transaction; all events up to now are in it.
        policy: Decides again on what is left.
        signs: What shows life; of messages that failed none may be among them.
        now: This moment.
        wanted: Which hooks want to be told.

    Returns:
        The suppressions that ended.
    """
    if not signs:
        return []
    writer.add_signs(signs)
    latest: dict[str, Sign] = {}
    for sign in sorted(signs, key=lambda sign: sign.at):
        latest[sign.address] = sign
    counted = [
        row
        for rows in writer.suppressions_of(latest).values()
        for row in rows
        if row.origin == Kind.BOUNCE and policy.counts_for(row)
    ]
    freed: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    shorter = []
    for row, wanted_row in decided_again(writer, policy, counted):
        if wanted_row is None:
            sign = latest[row.address]
            day = sign.at.astimezone(UTC).strftime("%Y-%m-%d")
            freed[f"sign of life ({sign.source}) on {day}"].append((row.address, row.stream))
        elif wanted_row != row:
            shorter.append((row, wanted_row))
    changes = Changes(writer, now, BY_LIFE, wanted)
    changes.replace(shorter, "sign of life")
    return [
        row
        for because, keys in freed.items()
        for row in changes.release(keys, because, verb="suppression.revive").values()
    ]


def decided_again(
    writer: "Writer", policy: Policy, rows: Sequence[Suppression]
) -> Iterator[tuple[Suppression, Suppression | None]]:
    """Say of suppressions that follow from events what the list should say today.

    Yields:
        Each row, and the one that all events of the address ask for; None where they ask for none.
    """
    if not rows:
        return
    addresses = {row.address for row in rows}
    told = writer.events_told_of(addresses)
    life = writer.life_of(addresses)
    releases = writer.releases_of(addresses)
    for row in rows:
        alive = life.get(row.address)
        let_go = releases.get(row.address, [])
        last = max((one.id for one in let_go if one.stream == row.stream), default="")
        events = [one for one in told.get(row.address, ()) if one[0].id > last]
        at = settled_at(alive.at if alive else None, let_go, row.stream)
        yield row, _asked_for(policy, events, at, row.stream)


def _asked_for(
    policy: Policy,
    events: Sequence[tuple[StoredEvent, str]],
    settled: datetime | None,
    stream: str,
) -> Suppression | None:
    decided = again(policy, events, settled)
    return longest(
        [
            suppression_by(stored)
            for stored in decided
            if stored.decision.action is DecisionAction.SUPPRESS
            and stored.decision.stream == stream
        ]
    )
