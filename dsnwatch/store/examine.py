"""Whether a store is whole: the file, and everything in it that names something else."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from dsnwatch.store.schema import HEAD, revision
from dsnwatch.store.upkeep import opened


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        what: What was found, with numbers.
        cure: What to do.
    """

    what: str
    cure: str


REPORT = "report this as a mistake of dsnwatch's; nothing else suffers from it"
DAMAGED = (
    "stop the service; put the last backup in the store's place, or rescue what is left with "
    "`sqlite3 STORE .recover`"
)

FAULTS: tuple[tuple[str, str, str], ...] = (
    (
        "events whose message is not there",
        (
            "SELECT count(*) FROM event WHERE NOT EXISTS "
            "(SELECT 1 FROM message WHERE message.id = event.message_id)"
        ),
        REPORT,
    ),
    (
        "octets of messages that are not there",
        (
            "SELECT count(*) FROM raw_message WHERE NOT EXISTS "
            "(SELECT 1 FROM message WHERE message.id = raw_message.message_id)"
        ),
        REPORT,
    ),
    (
        "suppressions whose event is not there",
        (
            "SELECT count(*) FROM suppression WHERE event_id IS NOT NULL AND NOT EXISTS "
            "(SELECT 1 FROM event WHERE event.id = suppression.event_id)"
        ),
        "they hold all the same; look at them with `dsnwatch suppressions list`, and report this",
    ),
    (
        "decisions held back whose event is not there",
        (
            "SELECT count(*) FROM held WHERE NOT EXISTS "
            "(SELECT 1 FROM event WHERE event.id = held.event_id)"
        ),
        "drop them with `dsnwatch holds`, and report this",
    ),
    (
        "messages both stored and in quarantine",
        (
            "SELECT count(*) FROM quarantine WHERE EXISTS "
            "(SELECT 1 FROM message WHERE message.fingerprint = quarantine.fingerprint)"
        ),
        REPORT,
    ),
    (
        "news for hooks that nobody will take up",
        (
            "SELECT count(*) FROM outbox WHERE NOT EXISTS (SELECT 1 FROM lane WHERE "
            "lane.hook = outbox.hook AND lane.address = outbox.address)"
        ),
        "`dsnwatch hooks replay` tells the hooks again what happened; report this",
    ),
    (
        "queues of hooks with nothing in them",
        (
            "SELECT count(*) FROM lane WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE "
            "outbox.hook = lane.hook AND outbox.address = lane.address)"
        ),
        REPORT,
    ),
    (
        "news that stand in the outbox and among the dead letters",
        (
            "SELECT count(*) FROM outbox WHERE EXISTS (SELECT 1 FROM dead_letter WHERE "
            "dead_letter.hook = outbox.hook AND dead_letter.id = outbox.id)"
        ),
        REPORT,
    ),
)
"""Facts that name others which are not there: what it is, how many, what to do."""

COUNTED = (
    "message", "raw_message", "event", "suppression", "held", "quarantine", "outbox",
    "dead_letter", "sent", "audit",
)  # fmt: skip
"""Tables whose rows are counted for people."""


@dataclass(frozen=True, slots=True)
class Health:
    """What `check` found.

    Attributes:
        findings: What is wrong; nothing where all is well.
        rows: Rows of each table of `COUNTED`.
    """

    findings: tuple[Finding, ...]
    rows: dict[str, int]


def check(path: Path, hooks: Collection[str]) -> Health:
    """Read the whole file, and see that everything that names something finds it.

    Args:
        path: The store's file.
        hooks: Names of those that are configured.

    Raises:
        StoreError: It cannot be read at all.
    """
    with opened(path) as connection:
        found = [row[0] for row in connection.execute("PRAGMA integrity_check(10)")]
        damage = [
            Finding(f"the file is damaged: {said}", DAMAGED) for said in found if said != "ok"
        ]
        if damage:
            return Health(tuple(damage), {})
        if (schema := revision(connection, str(path))) != HEAD:
            old = Finding(f"written by an older dsnwatch ({schema})", "run `dsnwatch db upgrade`")
            return Health((old,), {})
        connection.execute("BEGIN")
        findings = [
            Finding(f"{count} {what}", cure)
            for what, query, cure in FAULTS
            if (count := connection.execute(query).fetchone()[0])
        ]
        waiting = connection.execute("SELECT hook, count(*) FROM outbox GROUP BY hook").fetchall()
        findings += [
            Finding(
                f"{count} news for hook '{name}', which is not configured",
                f"configure it, or `dsnwatch hooks drop {name}`",
            )
            for name, count in waiting
            if name not in hooks
        ]
        rows = {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608  ours
            for table in COUNTED
        }
        connection.execute("ROLLBACK")
    return Health(tuple(findings), rows)
