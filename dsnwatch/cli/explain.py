"""`dsnwatch explain`: the whole reasoning about one message, step by step."""

import re
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dsnwatch.cli.judgement import show_judgement
from dsnwatch.cli.options import ConfigOption, JsonOption, VerboseOption
from dsnwatch.cli.output import fields, folded, heading, json_line, line
from dsnwatch.cli.place import Place
from dsnwatch.errors import UsageError
from dsnwatch.records import DecisionAction
from dsnwatch.rfc.date import rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dsnwatch.model import RawMessage
    from dsnwatch.reading.reader import Explained, Explanation
    from dsnwatch.records import BounceEvent, Decision

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_LOCATOR = re.compile(r"(.+)#([1-9]\d{0,9})", re.DOTALL)
_PROSE_SHOWN = 300


@app.command(
    short_help="Tell the whole reasoning about one message.",
    help="Tell the whole reasoning about one message: its parts and fields, every rule that "
    "matched and where, the verdict, the decision as if it were the first about that address, and "
    "what each preset would have decided. Touches no store.",
    epilog="""\b
    Why is this no hard bounce? And the 17th message of an mbox:
      dsnwatch explain bounce.eml
      dsnwatch explain /var/mail/bounces#17
    """,
)
def explain(
    ctx: typer.Context,
    *,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE[#N]",
            help="A message, or the Nth of an mbox or Maildir (else its first); - is stdin.",
        ),
    ],
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Read one message and print every step."""
    from dsnwatch.explaining import decisions_of, explanation_dict  # noqa: PLC0415  not for --help

    place = Place(ctx, config=config, verbose=verbose)
    reader, policy = place.reader(), place.policy()
    raw, more = _message(file)
    explanation = reader.explain(raw.data)
    decided = decisions_of(raw, explanation, policy, place.attributor())
    if as_json:
        json_line(explanation_dict(raw, explanation, decided))
        return
    _show(raw, explanation)
    for number, said in enumerate(explanation.recipients):
        line()
        heading(f"recipient {number + 1}")
        _show_recipient(said)
        if number < len(decided):  # ordinary mail has recipients at most, no events
            _show_details(decided[number][0])
            _show_decisions(*decided[number])
    if more:
        line()
        others = raw.locator.rpartition("#")[0]
        folded(f"there are more messages in {others}; {raw.locator} is shown")


def _message(file: str) -> "tuple[RawMessage, bool]":
    """Find the message meant; say too whether others lie beside it and none was named.

    Raises:
        SourceError: The file cannot be read.
        UsageError: There is no such message in it.
    """
    from dsnwatch.sources.files import read  # noqa: PLC0415  not for --help

    path, number, named = file, 1, False
    if (found := _LOCATOR.fullmatch(file)) and not Path(file).exists():
        path, number, named = found[1], int(found[2]), True
    messages = islice(read([path]), number - 1, number + 1)
    raw = next(messages, None)
    if raw is None:
        raise UsageError(f"{file}: has no such message; `dsnwatch parse {path}` lists them")
    return raw, not named and next(messages, None) is not None


def _show(raw: "RawMessage", explanation: "Explanation") -> None:
    report = explanation.reading.report
    heading("message")
    fields(
        {
            "source": raw.locator,
            "kind": report.kind,
            "dialect": report.dialect,
            "octets": len(raw.data),
            "message_id": report.message_id,
            "reporting_mta": report.reporting_mta,
            "arrival_date": rfc3339(report.arrival_date),
            "parts": explanation.parts,
            "defects": "; ".join(report.defects),
        },
        "  ",
    )
    original = report.original
    said: dict[str, object] = {
        "message_id": original.message_id,
        "envelope_id": original.envelope_id,
        "from": original.from_,
        "subject": original.subject,
    }
    _section("returned message", said | dict(original.headers))
    _section("fields about the message", explanation.message_fields)
    for number, group in enumerate(explanation.groups, start=1):
        _section(f"fields about recipient {number}", group)


def _section(title: str, values: "Mapping[str, object]") -> None:
    if any(values.values()):
        line()
        heading(title)
        fields(values, "  ")


def _show_recipient(said: "Explained") -> None:
    one = said.recipient
    fields(
        {
            "recipient": one.recipient,
            "action": one.action,
            "status": one.status and str(one.status),
            "reply_code": one.reply_code,
            "diagnostic": one.diagnostic,
            "prose": _short(one.prose),
            "remote_mta": one.remote_mta,
            "provider": said.provider,
        },
        "  ",
    )
    show_judgement(said)


def _short(prose: str) -> str:
    text = " ".join(prose.split())
    return text if len(text) <= _PROSE_SHOWN else f"{text[:_PROSE_SHOWN]} ..."


def _show_details(event: "BounceEvent") -> None:
    from dsnwatch.reading.details import NOTHING, as_dict  # noqa: PLC0415  not for --help
    from dsnwatch.rules.blocklists import blocklists  # noqa: PLC0415  likewise

    if event.details == NOTHING:
        return
    line("  told besides")
    known = blocklists().by_id.get(event.details.blocklist or "")
    page = {"removal": known.removal, "list": known.name} if known else {}
    fields(as_dict(event.details) | page, "    ")


def _show_decisions(event: "BounceEvent", decisions: "dict[str, Decision]") -> None:
    line("  decision, as if it were the first about this address")
    attribution = event.attribution
    fields(
        {
            "counts against": attribution.recipient,
            "found by": attribution.found_by,
            "trust": attribution.trust,
            "decision": _decision(decisions[""]),
            "because": decisions[""].because,
        },
        "    ",
    )
    line("  each preset")
    fields({name: _decision(one) for name, one in decisions.items() if name}, "    ")


def _decision(decision: "Decision") -> str:
    if decision.action is not DecisionAction.SUPPRESS:
        return f"{decision.action} (rule {decision.rule})"
    until = f"until {rfc3339(decision.until)}" if decision.until else "for ever"
    return f"{decision.action} {until} (rule {decision.rule})"
