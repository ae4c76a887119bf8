"""What others call our reasons: `names.toml`, one row a reason.

For payloads in another system's format, and for whoever comes from one:

    names = names_of("mailbox_full")
    names.sendgrid            # "Mailbox Unavailable"
    names.ses                 # ("Transient", "MailboxFull")
    names.postmark.code       # 4096

`kind_names` does the same for what is no failure: a complaint, an automatic reply.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple


class Ses(NamedTuple):
    """Amazon SES: `bounceType` and `bounceSubType`."""

    type: str
    subtype: str


class Mailgun(NamedTuple):
    """Mailgun: `severity` ("" where it is no failure) and `reason`, or the event's own name."""

    severity: str
    reason: str


@dataclass(frozen=True, slots=True)
class Postmark:
    """Postmark: `Type`, `TypeCode` and `Name`."""

    type: str
    code: int
    name: str


@dataclass(frozen=True, slots=True)
class Sparkpost:
    """SparkPost: the classification code, its name, and its category (Hard, Soft, Block, Admin)."""

    code: int
    name: str
    category: str


@dataclass(frozen=True, slots=True)
class Names:
    """What others call one of our reasons; every vocabulary has a word for each.

    Attributes:
        id: Our reason.
        sendgrid: One of SendGrid's seven classifications, exactly as written there.
        sisimai: Sisimai's reason.
    """

    id: str
    sendgrid: str
    ses: Ses
    postmark: Postmark
    sparkpost: Sparkpost
    mailgun: Mailgun
    sisimai: str


@dataclass(frozen=True, slots=True)
class KindNames:
    """What others call a message that is no failure; None where they have no word for it.

    Attributes:
        id: `complaint`, `unsubscribe`, `auto_reply`, `challenge`, `delay`; `manual` for what a
            person suppressed.
    """

    id: str
    ses: Ses | None
    postmark: Postmark | None
    sparkpost: Sparkpost | None
    mailgun: Mailgun | None
    sisimai: str | None


def names_of(reason: str, *, permanent: bool | None = None) -> Names:
    """Say what others call a reason.

    Args:
        reason: One of the taxonomy.
        permanent: What the report said (`Verdict.permanent`). A hard reason that was said with
            4.x.x has the names of something that may pass, so that nobody suppresses for it.

    Raises:
        KeyError: There is no such reason.
    """
    names, passing = _tables()[0][reason]
    return passing if permanent is False else names


def kind_names(kind: str) -> KindNames | None:
    """Say what others call a kind of message, or "manual"; None where nobody has a word for it."""
    return _tables()[1].get(kind)


@cache
def _tables() -> tuple[dict[str, tuple[Names, Names]], dict[str, KindNames]]:
    """Read the table once: names with those for passing failures beside them, and of kinds."""
    path = Path(__file__).with_name("names.toml")
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    postmark = {
        row["id"]: Postmark(row["id"], row["code"], row["name"]) for row in content["postmark"]
    }
    sparkpost = {
        row["id"]: Sparkpost(row["id"], row["name"], row["category"])
        for row in content["sparkpost"]
    }

    def names(row: dict[str, Any]) -> Names:
        return Names(
            id=row["id"],
            sendgrid=row["sendgrid"],
            ses=Ses(**row["ses"]),
            postmark=postmark[row["postmark"]],
            sparkpost=sparkpost[row["sparkpost"]],
            mailgun=Mailgun(**row["mailgun"]),
            sisimai=row["sisimai"],
        )

    def of_kind(row: dict[str, Any]) -> KindNames:
        return KindNames(
            id=row["id"],
            ses=Ses(**row["ses"]) if "ses" in row else None,
            postmark=postmark[row["postmark"]] if "postmark" in row else None,
            sparkpost=sparkpost[row["sparkpost"]] if "sparkpost" in row else None,
            mailgun=Mailgun(**row["mailgun"]) if "mailgun" in row else None,
            sisimai=row.get("sisimai"),
        )

    def passing(row: dict[str, Any]) -> Names:
        lasting = row["ses"]["type"] == "Permanent"
        return names(row | content["passing"] | row.get("passing", {}) if lasting else row)

    reasons = {row["id"]: (names(row), passing(row)) for row in content["reason"]}
    return reasons, {row["id"]: of_kind(row) for row in content["kind"]}
