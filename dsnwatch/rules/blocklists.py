"""Block lists that refusals name: `blocklists.toml`."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dsnwatch.rules.phrases import Phrase, PhraseIndex


@dataclass(frozen=True, slots=True)
class Blocklist:
    """One row.

    Attributes:
        id: Its name for machines; the zone itself where no row knows it.
        name: Its name for people.
        removal: Where the owner of an address looks it up or asks for removal; None where nobody
            has said.
    """

    id: str
    name: str
    removal: str | None = None


class BlocklistTable:
    """Finds which block list a text names."""

    def __init__(self, rows: Sequence[tuple[Blocklist, Sequence[str]]]) -> None:
        """Build from lists and the phrases by which each is named."""
        self.rows = tuple(row for row, _ in rows)
        self.by_id = {row.id: row for row in self.rows}
        self._index = PhraseIndex(
            (Phrase.of(text), number) for number, (_, texts) in enumerate(rows) for text in texts
        )

    def find(self, text: str) -> Blocklist | None:
        """Find the list that a text names, by our rows or by the zone in a usual sentence.

        Args:
            text: Lower case, white space as single blanks.
        """
        named = self._index.find(text)
        if named:
            return self.rows[named[0][0]]
        if not ("blocked using" in text or "listed " in text or "found " in text):
            return None
        zone = next(
            (one for one in _ZONE.finditer(text) if one[1] or _LISTING.search(one[2])), None
        )
        return Blocklist(zone[2], zone[2]) if zone else None


# Postfix: "Client host [192.0.2.1] blocked using bl.example.net"; others: "listed in", "found on".
_ZONE = re.compile(
    r"(?:(blocked using)|(?:black)?listed (?:in|at|on|by)|found (?:in|on))"
    r" (?:the )?(?:rbl |dnsbl )?((?:[a-z0-9_\-]{1,63}+\.){1,6}[a-z]{2,63}+)"
)
_LISTING = re.compile("rbl|dnsbl|spam|block|black|^bl[.]|[.]bl[.]")


@cache
def blocklists() -> BlocklistTable:
    """Read the table; once."""
    path = Path(__file__).with_name("blocklists.toml")
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return BlocklistTable(
        [
            (
                Blocklist(row["id"], row["name"], row.get("removal")),
                [*row.get("zones", ()), *row.get("words", ())],
            )
            for row in content["blocklist"]
        ]
    )
