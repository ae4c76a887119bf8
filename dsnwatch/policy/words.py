"""The policy in plain sentences, for people."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from dsnwatch.model import Kind, Trust
from dsnwatch.records import DecisionAction

if TYPE_CHECKING:
    from dsnwatch.config.policy import PolicySection
    from dsnwatch.policy.rule import PolicyRule
    from dsnwatch.policy.table import Policy

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


class Sentence(NamedTuple):
    """One row of a policy, said in words.

    Attributes:
        stream: The kind of mail whose table it stands in; "" is every other.
        row: Its id.
        describes: Which events it is about.
        follows: What it makes of them; put behind the other it makes a sentence.
    """

    stream: str
    row: str
    describes: str
    follows: str


def length_in_words(length: timedelta) -> str:
    """Write a length of time: `90 days`, `72 h`, `24 h`."""
    if length % _DAY or length < 4 * _DAY:
        hours = length / _HOUR
        return f"{hours:g} h"
    return f"{length.days} days"


def sentences(policy: "Policy") -> Iterator[Sentence]:
    """Say each row, in the order it is asked; then those of streams with a table of their own."""
    for stream, rows in (("", policy.rules), *policy.streams.items()):
        for row in rows:
            yield Sentence(stream, row.id, describes(row), follows(row))


_KINDS = {
    Kind.BOUNCE: "a failure",
    Kind.COMPLAINT: "a complaint",
    Kind.UNSUBSCRIBE: "an unsubscribe request",
    Kind.DELAY: "a delay",
    Kind.SUCCESS: "a success",
    Kind.AUTO_REPLY: "an automatic reply",
    Kind.CHALLENGE: "a challenge",
    Kind.DISPOSITION: "a read receipt",
    Kind.OTHER: "anything else",
}


def describes(row: "PolicyRule") -> str:
    """Say which events a row is about: `a failure of class hard with fault recipient`."""
    failures = row.classes or row.reasons or row.faults or row.statuses or row.providers
    kinds = row.kinds or ((Kind.BOUNCE,) if failures else ())
    rest = "whatever is" if row.trusts else "whatever is left"
    parts = [_either(_KINDS[kind] for kind in kinds) or rest]
    for before, values, exceptions in (
        ("of class", row.classes, ()),
        ("for", row.reasons, row.not_reasons),
        ("with fault", row.faults, ()),
        ("with status", row.statuses, row.not_statuses),
        ("at", row.providers, ()),
    ):
        if values:
            parts.append(f"{before} {_either(map(_starred, values))}")
        if exceptions:
            parts.append(f"except {_either(map(_starred, exceptions))}")
    if row.trusts:
        named = {Trust.BACKSCATTER: "about mail that was never yours"}
        parts.append(_either(named.get(trust, f"believed as {trust}") for trust in row.trusts))
    if row.streams:
        parts.append(f"in stream {_either(row.streams)}")
    return " ".join(parts)


def follows(row: "PolicyRule") -> str:
    """Say what a row makes of events: `suppresses at once, for ever`."""
    if not row.weighty:
        ignored = row.then is DecisionAction.IGNORE
        done = "leads to nothing" if ignored else "is counted, no more"
        return f"{done}: {row.why}" if row.why else done
    verb = "suppresses" if row.then is DecisionAction.SUPPRESS else "is held for a person"
    parts = [f"{verb} {_how_many(row)}"]
    if row.lasts is None:
        parts.append("for ever")
    else:
        parts.append(f"for {length_in_words(row.lasts)} from the last")
    if row.for_stream:
        parts.append("for that stream alone")
    if row.then is DecisionAction.SUPPRESS and row.require_trust is not Trust.CLAIMED:
        parts.append(f"and is held where its trust is less than {row.require_trust}")
    if row.go_on:
        parts.append("the rows below are asked as well")
    text = ", ".join(parts)
    return f"{text}: {row.why}" if row.why else text


def _how_many(row: "PolicyRule") -> str:
    if row.count == 1:
        return "at once"
    parts = [f"after {row.count} messages"]
    if row.days > 1:
        parts.append(f"on {row.days} days")
    if row.span:
        parts.append(f"over at least {length_in_words(row.span)}")
    parts.append(f"within {length_in_words(row.within)}")
    if row.gap is not None:
        parts.append(f"with no pause of more than {length_in_words(row.gap)}")
    return " ".join(parts)


def besides(section: "PolicySection") -> Iterator[str]:
    """Say what holds beside the rows: guards, who is spared, how long rows stay, coming back."""
    flood, sender, back = section.flood, section.sender, section.coming_back
    yield (
        f"Reports that nothing proves suppress {flood.at_least} addresses an hour, or "
        f"{flood.times_usual} times a usual hour where that is more"
        + (f", and {flood.share:.0%} of the known ones a day" if flood.share < 1 else "")
        + "; the rest is held."
    )
    if sender.share < 1:
        yield (
            f"Where {sender.at_least} failures of an hour and more than {sender.share:.0%} of all, "
            "of one message or at one provider, say one thing that speaks of the sender, what they "
            "would suppress is held."
        )
    if section.never_suppress:
        yield f"Never suppressed: {', '.join(section.never_suppress)}."
    for reason, keep in section.keep.items():
        if keep is not None:
            yield f"Suppressions for {reason} leave the list after {length_in_words(keep)}."
    yield (
        f"Whom soft failures suppressed may be tried again after {length_in_words(back.rest)} "
        f"without one, {back.trials} times within {length_in_words(back.within)}, for "
        f"{length_in_words(back.trial)} each. A hard bounce within "
        f"{length_in_words(back.relapse)} of a release is flagged."
    )


def _either(texts: Iterable[str]) -> str:
    every = [*texts]
    return " or ".join([", ".join(every[:-1]), every[-1]] if len(every) > 1 else every)


def _starred(text: str) -> str:
    """Write `5.7.` as `5.7.*`."""
    return f"{text}*" if text.endswith(".") else str(text)
