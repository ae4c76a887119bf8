"""Who runs the host that said no: `providers.toml`."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from dsnwatch.errors import RuleError
from dsnwatch.rules.phrases import REMEMBERED, SHORT, Phrase, PhraseIndex
from dsnwatch.rules.rows import TEXT, TEXTS, check

SHAPE = {"id": TEXT, "hosts": TEXTS, "texts": TEXTS, "name": TEXT}


@dataclass(frozen=True, slots=True)
class Provider:
    """One row.

    Attributes:
        hosts: Ends of host names and domains that are its own, without a leading dot.
        texts: Phrases only its servers say.
    """

    id: str
    file: str
    name: str
    hosts: tuple[str, ...]
    texts: tuple[Phrase, ...]


class ProviderTable:
    """Finds the provider by the refusing host, by its words, or by the recipient's domain."""

    def __init__(self, rows: list[tuple[str, dict[str, Any]]]) -> None:
        """Build from pairs of a file name and a row; a wrong row is a RuleError."""
        self.rows = tuple(_provider(file, row) for file, row in rows)
        self._hosts = {host: row.id for row in reversed(self.rows) for host in row.hosts}
        self._index = PhraseIndex(
            (phrase, number) for number, row in enumerate(self.rows) for phrase in row.texts
        )
        # The same hosts refuse most of a mailing, and in the same words.
        self._by_short_host = lru_cache(REMEMBERED)(self._by_host)
        self._by_short_text = lru_cache(REMEMBERED)(self._by_text)

    def by_host(self, host: str) -> str | None:
        """Find whose host it is, by the longest known end of its name."""
        return (self._by_short_host if len(host) < SHORT else self._by_host)(host)

    def _by_host(self, host: str) -> str | None:
        while host:
            if host in self._hosts:
                return self._hosts[host]
            host = host.partition(".")[2]
        return None

    def by_text(self, text: str) -> str | None:
        """Find who speaks like that; `text` is flat."""
        return (self._by_short_text if len(text) < SHORT else self._by_text)(text)

    def _by_text(self, text: str) -> str | None:
        found = self._index.find(text)
        return self.rows[found[0][0]].id if found else None


def _provider(file: str, row: dict[str, Any]) -> Provider:
    check(file, row, SHAPE)
    try:
        texts = tuple(Phrase.of(text) for text in row.get("texts", ()))
    except ValueError as error:
        raise RuleError(
            file, row["id"], f"one of its texts {error}; put some words in it"
        ) from None
    return Provider(
        id=row["id"],
        file=file,
        name=row.get("name", row["id"]),
        hosts=tuple(row.get("hosts", ())),
        texts=texts,
    )
