"""Holds a whole table of rules to its own examples; what `dsnwatch rules check` finds.

Pure: rules in, findings out. What can be seen in the rows alone is in `rules/findings.py`.
"""

from collections.abc import Iterator

from dsnwatch.model import Action, BounceReport, Kind, RecipientStatus, StatusCode, Verdict
from dsnwatch.reading.classify import classify
from dsnwatch.rfc.status_code import codes, from_field
from dsnwatch.rules import Rules
from dsnwatch.rules.causes import Cause
from dsnwatch.rules.findings import Finding, findings

REPORTING = "mail.example.com"
RECIPIENT = "anne@example.org"
LOCAL = "mail.example.org"
"""A host that reports of RECIPIENT as of a domain of its own."""

Place = tuple[str | None, str | None]
"""A provider and a dialect."""


def check(rules: Rules) -> Iterator[Finding]:
    """Find everything in a loaded table that somebody should mend; nothing where it is sound."""
    yield from findings(rules)
    for row in rules.causes.rows:
        yield from _of_examples(row, rules)


def places(row: Cause) -> list[Place]:
    """List the pairs of provider and dialect under which a row is to hold."""
    providers: list[str | None] = [*sorted(row.providers)]
    return [
        (provider, dialect)
        for provider in providers or [None]
        for dialect in sorted(row.dialects) or ["rfc3464"]
    ]


def code_for(row: Cause, text: str) -> StatusCode | None:
    """Choose the enhanced code a report of a text would carry, such that the row's holds."""
    _, said = codes(text)
    if said is not None or not row.statuses:
        return said
    wanted = min(row.statuses).replace("x.", "5.", 1).replace(".x", ".0")
    return from_field(wanted)


def verdict_on(row: Cause, text: str, place: Place, rules: Rules) -> Verdict:
    """Judge a text as somebody's reply, under the conditions the row asks for."""
    provider, dialect = place
    hosts = next((one.hosts for one in rules.providers.rows if one.id == provider), ())
    said = RecipientStatus(
        RECIPIENT,
        Action.FAILED,
        status=code_for(row, text),
        reply_code=codes(text)[0] or min(row.replies, default=None),
        diagnostic=text,
        remote_mta=f"mx1.{hosts[0]}" if hosts else None,
    )
    host = LOCAL if row.local else REPORTING
    report = BounceReport(Kind.BOUNCE, dialect=dialect, reporting_mta=host, recipients=(said,))
    verdict = classify(said, report, rules)
    assert verdict is not None
    return verdict


def _of_examples(row: Cause, rules: Rules) -> Iterator[Finding]:
    """Hold a row to its examples, and to the texts it must not decide."""
    for text in row.examples:
        for place in places(row):
            rule = verdict_on(row, text, place, rules).rule
            if rule != row.id:
                yield _taken(row, text, rule, rules)
                break
    for text in row.counterexamples:
        if any(verdict_on(row, text, place, rules).rule == row.id for place in places(row)):
            says = f"decides '{text}', which stands under its `not`; narrow its phrases"
            yield Finding(row.file, row.id, says)


def _taken(row: Cause, text: str, rule: str, rules: Rules) -> Finding:
    """Say that another row decides an example, at the row whose user can mend it."""
    other = rules.causes.by_id.get(rule)
    if other is not None and other.file != row.file and _ours(row):
        says = f"takes '{text}' from row '{row.id}' ({row.file}); narrow its phrases"
        return Finding(other.file, other.id, says)
    says = f"its example '{text}' is decided by '{rule}'; mend the example, or move the row up"
    return Finding(row.file, row.id, says)


def _ours(row: Cause) -> bool:
    return row.file == "causes.toml"
