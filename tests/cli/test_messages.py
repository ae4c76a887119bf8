"""Messages are listed and shown, with who sent them."""

import io
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dsnwatch.config.settings import Settings
from dsnwatch.ingest import Ingest
from dsnwatch.keeping import Sweep
from dsnwatch.model import Evidence, RawMessage
from dsnwatch.policy import Policy
from dsnwatch.reading.reader import Reader
from dsnwatch.rules import load
from dsnwatch.store import open_store
from tests.cli.builders import a_bounce
from tests.cli.conftest import Run

REPLY = b"From: anne@example.com\r\nSubject: Re: News\r\n\r\nThank you! \x1b[31m\r\n"
NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Give a store with a bounce, and the reply of a person that came over SMTP."""
    path = tmp_path / "a.db"
    opened = open_store(str(path))
    seen = Evidence("192.0.2.7", "mx.example.com", "anne@example.com", "ESMTPS", "TLSv1.3 X")
    reply = RawMessage(
        REPLY, "smtp:x", "smtp", NOW, recipients=("bounces@return.test",), evidence=seen
    )
    bounce = RawMessage(a_bounce("bert@example.net"), "b.mbox#1", "mbox", NOW)
    Ingest(opened, Reader(load()), Policy.preset("default")).commit([bounce, reply])
    opened.close()
    return path


def test_messages_are_listed_by_kind(run: Run, store: Path) -> None:
    every = run("messages", "list", "--store", store)
    assert [line.split()[3] for line in every.out.splitlines()[1:]] == ["bounce", "other"]
    (other,) = run("messages", "list", "--kind", "other", "--store", store, "--json").rows
    assert other["recipients"] == ["bounces@return.test"]
    assert run("messages", "list", "--after", other["id"], "--store", store).err == (
        "dsnwatch: no messages\n"
    )


def test_message_is_shown_with_who_sent_it(run: Run, store: Path) -> None:
    bounce, other = run("messages", "list", "--store", store, "--json").rows
    assert bounce["evidence"] is None
    shown = run("messages", "show", other["id"], "--store", store)
    for part in ("192.0.2.7", "mx.example.com", "ESMTPS", "Re: News", "\\x1b[31m"):
        assert part in shown.out
    (whole,) = run("messages", "show", other["id"], "--store", store, "--json").rows
    assert whole == other | {"octets": len(REPLY)}
    assert whole["evidence"]["sender"] == "anne@example.com"


def test_message_comes_out_as_it_came_in(
    run: Run, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (other,) = run("messages", "list", "--kind", "other", "--store", store, "--json").rows
    octets = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(octets))
    run("messages", "show", other["id"], "--raw", "--store", store)
    assert octets.getvalue() == REPLY


def test_message_that_is_not_there_is_an_error_with_the_next_step(run: Run, store: Path) -> None:
    ran = run("messages", "show", "01X", "--store", store)
    assert ran.status == 2
    assert "`dsnwatch messages list` has their ids" in ran.err


def test_octets_that_are_gone_are_said_to_be(run: Run, store: Path) -> None:
    opened = open_store(str(store))
    Sweep(opened, Settings(), "cli:anne").octets(datetime(2100, 1, 1, tzinfo=UTC))
    opened.close()
    (other,) = run("messages", "list", "--kind", "other", "--store", store, "--json").rows
    assert "gone" in run("messages", "show", other["id"], "--store", store).out
    ran = run("messages", "show", other["id"], "--raw", "--store", store)
    assert (ran.status, "keep.raw_messages" in ran.err) == (2, True)


def test_folded_header_is_shown_with_blanks_for_its_tab(run: Run) -> None:
    run("import", "-", stdin=b"From: anne@example.com\nSubject: News of\n\tto-day\n\nHello\n")
    (letter,) = run("messages", "list", "--json").rows
    assert "\n          to-day\n" in run("messages", "show", letter["id"]).out
