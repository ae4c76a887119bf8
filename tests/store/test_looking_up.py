"""Every way to ask whether an address may be mailed gives the same answer."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import product

from dsnwatch.records import Suppression
from dsnwatch.store import SuppressionFilter, open_store
from dsnwatch.store.lookup import HeldLookup, SuppressionLookup

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MOMENTS = (None, NOW - DAY, NOW, NOW + DAY)
STREAMS = ("", "news", "other")


def test_a_list_a_look_up_and_a_held_look_up_agree(database: str) -> None:
    """Whatever its end, its trial and its stream."""
    rows = [
        Suppression(
            f"a{number}@example.org", "user_unknown", "bounce", "hard", NOW - DAY, until,
            stream=stream, lifted_until=lifted,
        )
        for number, (until, lifted, stream) in enumerate(product(MOMENTS, MOMENTS, STREAMS))
    ]  # fmt: skip
    with closing(open_store(database)) as store:
        with store.write() as writer:
            writer.put_suppressions(rows)
        active = SuppressionFilter(active_at=NOW)
        listed = {row.address for row in store.suppressions(active) if row.stream in {"", "news"}}
        with (
            SuppressionLookup(store.url) as lookup,
            closing(HeldLookup(store.url, lambda: NOW)) as held,
        ):
            held.hold()
            found = {row.address for row in rows if lookup.find(row.address, NOW, "news")}
            everybody = [*(row.address for row in rows), *(f"b{n}@example.org" for n in range(230))]
            many = lookup.find_many([*everybody, *everybody[:3]], NOW, "news")
            assert many == {one: lookup.find(one, NOW, "news") for one in found}
            answered = {row.address for row in rows if held.since(row.address, "news")}
    assert found == answered == listed
    assert 0 < len(listed) < len(rows)
