"""What a person does to hooks: pause, resume, tell again; each with its line in the audit log."""

from collections.abc import Collection
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from dsnwatch.errors import UsageError
from dsnwatch.retell import news_since
from dsnwatch.rfc.date import rfc3339

if TYPE_CHECKING:
    from dsnwatch.store import Store
    from dsnwatch.subscriptions import Subscriptions

BATCH = 500
"""Events put into the outbox in one transaction."""


def revive_dead(store: "Store", name: str, ids: Collection[str] | None, who: str) -> int:
    """Put dead letters back into the outbox, all in one transaction.

    Args:
        store: Where they are.
        name: The hook.
        ids: Which; None is all.
        who: For the audit log.

    Returns:
        How many it was.

    Raises:
        UsageError: One of the ids is none.
    """
    now = datetime.now(UTC)
    with store.write() as writer:
        letters = list(writer.deliveries.dead_letters(name))
        if ids is not None:
            missing = set(ids) - {each.news.id for each in letters}
            if missing:
                raise UsageError(f"no dead letter '{min(missing)}'; `dsnwatch hooks dead {name}`")
            letters = [each for each in letters if each.news.id in ids]
        if letters:
            writer.deliveries.remove_dead(name, [each.news.id for each in letters])
            writer.add_news([each.news for each in letters], now)
            writer.audit(now, who, "hook.replay", name, "", {"dead_letters": len(letters)})
    return len(letters)


def tell_again(
    store: "Store",
    name: str,
    wanted: "Subscriptions",
    since: datetime,
    until: datetime | None,
    *,
    who: str,
) -> int:
    """Put events of before into the outbox, so many a transaction that nobody waits long.

    Returns:
        How many events will be told again.
    """
    now, count = datetime.now(UTC), 0
    news = news_since(store, wanted, since, until, now)
    while batch := list(islice(news, BATCH)):
        with store.write() as writer:
            writer.add_news(batch, now)
        count += len(batch)
    if count:
        with store.write() as writer:
            detail = {"events": count, "since": rfc3339(since), "until": rfc3339(until)}
            writer.audit(now, who, "hook.replay", name, "", detail)
    return count


def pause(store: "Store", name: str, because: str, who: str, *, paused: bool) -> None:
    """Make a hook wait, or go on."""
    with store.write() as writer:
        writer.deliveries.pause(name, paused=paused)
        verb = "hook.pause" if paused else "hook.resume"
        writer.audit(datetime.now(UTC), who, verb, name, because, {})
