"""File sources keep the contract of sources, in every form mail lies in files."""

import io
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from dsnwatch.sources import Source
from dsnwatch.sources.files import FileSource
from tests.contract_source import SourceContract
from tests.sources.builders import a_maildir, a_message, an_mbox, write


class TestMbox(SourceContract):
    """An mbox."""

    def holding(self, place: Path, messages: Sequence[bytes]) -> Source:
        return FileSource((write(place / "bounces", an_mbox(_ended(messages))),))


class TestCompressedMbox(SourceContract):
    """An mbox that gzip made small."""

    def holding(self, place: Path, messages: Sequence[bytes]) -> Source:
        data = an_mbox(_ended(messages))
        return FileSource((write(place / "bounces.gz", data, packed=True),))


class TestMaildir(SourceContract):
    """A Maildir."""

    def holding(self, place: Path, messages: Sequence[bytes]) -> Source:
        return FileSource((a_maildir(place / "Maildir", messages),))


class TestFolderOfEml(SourceContract):
    """A folder of .eml files."""

    def holding(self, place: Path, messages: Sequence[bytes]) -> Source:
        for number, data in enumerate(messages):
            write(place / f"{number:03}.eml", data)
        return FileSource((str(place),))


def test_standard_input_is_given_as_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    piped = io.TextIOWrapper(io.BufferedReader(io.BytesIO(a_message())))
    monkeypatch.setattr(sys, "stdin", piped)
    (raw,) = FileSource(("-",), vouched=False, stream="news").messages()
    assert (raw.data, raw.locator, raw.source) == (a_message(), "-", "stdin")
    assert (raw.vouched, raw.stream) == (False, "news")


def _ended(messages: Sequence[bytes]) -> list[bytes]:
    """An mbox has lines only: its writer ends the last one."""
    return [data if data.endswith(b"\n") else data + b"\n" for data in messages]
