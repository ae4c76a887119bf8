"""A recipient's verdict and the rules that spoke for it, as `explain` and `rules try` show them."""

from typing import TYPE_CHECKING

from dsnwatch.cli.output import fields, folded, line

if TYPE_CHECKING:
    from dsnwatch.model import Match
    from dsnwatch.reading.reader import Explained

_AROUND = 60
"""How many characters of the text are shown on each side of what matched."""


def show_judgement(said: "Explained") -> None:
    """Print every rule that spoke, with the words it heard, and the verdict, if there is one."""
    verdict = said.verdict
    if verdict is None:
        return
    line("  rules that matched, the one that decided first")
    for step in said.steps:
        match = step.match
        folded(f"{match.rule}: {step.reason}, by {match.field} {_where(match)}", "    ", "  ")
        if match.field in {"diagnostic", "prose"}:
            folded(_marked(said, match), "      ")
    if not said.steps:
        line("    none")
    line("  verdict")
    fields(
        {
            "reason": verdict.reason,
            "class": verdict.bounce_class,
            "fault": verdict.fault,
            "permanent": {True: "yes", False: "no", None: "unknown"}[verdict.permanent],
            "status": verdict.status and str(verdict.status),
            "reply_code": verdict.reply_code,
            "rule": verdict.rule,
            "confidence": f"{verdict.confidence:.2f}",
        },
        "    ",
    )


def _where(match: "Match") -> str:
    start, end = match.span
    return f"at {start}-{end}" if end else f"'{match.text}'"


def _marked(said: "Explained", match: "Match") -> str:
    """Give the text around what matched, and that between guillemets."""
    text = said.diagnostic if match.field == "diagnostic" else said.prose
    start, end = match.span
    before, after = text[max(start - _AROUND, 0) : start], text[end : end + _AROUND]
    return f"{before}\u00ab{text[start:end]}\u00bb{after}"
