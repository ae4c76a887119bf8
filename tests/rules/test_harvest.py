"""Texts that no row decided become drafts of rows, and name nobody."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dsnwatch.harvest import MAX_LOOKED_AT, draft, harvested, masked, phrase_of, sample
from dsnwatch.model import Action, RecipientStatus
from dsnwatch.rulecheck import check
from dsnwatch.rules import load
from dsnwatch.rules.phrases import Phrase, flatten


def said(
    diagnostic: str = "", *, prose: str = "", to: str = "anne.b@example.org"
) -> RecipientStatus:
    return RecipientStatus(to, Action.FAILED, diagnostic=diagnostic, prose=prose)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("550 5.1.1 <anne@example.org>: gone fishing", "550 5.1.1 {addr}: gone fishing"),
        ("host mx1.example.net[192.0.2.7] said: 550 no", "host {host}[{ip}] said: 550 no"),
        ("554 [2001:db8::7] see https://a.test/q?x=1", "554 [{ip}] see {url}"),
        ("451 try again in 300 seconds, id A7f3k2Lq9", "451 try again in {n} seconds, id {id}"),
        ("550 RESOLVER.ADR.RecipNotFound; not found", "550 RESOLVER.ADR.RecipNotFound; not found"),
        ("550 no mailbox anne.b here", "550 no mailbox {user} here"),
        ("550 Größe {x} überschritten", "550 Größe (x) überschritten"),
    ],
)
def test_what_is_one_reports_own_is_masked(text: str, form: str) -> None:
    assert masked(text, "anne.b@example.org") == form


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("550 5.1.1 <anne@example.org>: Gone fishing for good", "gone fishing for good"),
        ("192.0.2.7 failed after I sent it. Remote host said: 554 Gone fishing", "gone fishing"),
        ("550-5.1.1 The box x@a.test 550 5.1.1 is closed now", "the box{*}is closed now"),
        ("550 gone after 3 days out 4", "gone after{*}days out"),
        ("550 メールボックスがありません", "メールボックスがありません"),
        ("550 Rejected", None),
        ("550", None),
        ("", None),
    ],
)
def test_phrase_is_what_the_remote_server_said(text: str, phrase: str | None) -> None:
    assert harvested(said(text)).phrase == phrase


def test_two_reports_of_the_same_read_alike() -> None:
    one = harvested(said("550 <anne.b@example.org>: sleeping, id 1aBc2Def (mx1.example.org)"))
    two = harvested(
        said("550 <bob@example.net>: sleeping, id 9zYx8Wvu (mx7.example.net)", to="bob@example.net")
    )
    assert one == two


def test_headers_of_the_returned_message_are_left_out() -> None:
    text = harvested(said(prose="It was not delivered today.\nSubject: the secret\nFrom: x")).masked
    assert text == "It was not delivered today."


def test_draft_is_a_sound_row_that_decides_its_examples(tmp_path: Path) -> None:
    text = harvested(said('550 5.0.0 <anne@example.org>: the "box" has gone\\fishing for good'))
    assert text.phrase is not None
    row = draft(text.phrase, "mailbox_disabled", [text.example], "harvested")
    (tmp_path / "ours.toml").write_text(row, encoding="utf-8")
    assert [*check(load(tmp_path))] == []


def test_drafts_of_different_words_have_different_ids() -> None:
    rows = [
        draft(phrase, "policy", ["x"], "") for phrase in ("gone a b c d e f", "gone a b c d e g")
    ]
    ids = {tomllib.loads(row)["cause"][0]["id"] for row in rows}
    assert len(ids) == 2


@given(st.text(max_size=MAX_LOOKED_AT * 2), st.text(max_size=60))
@example("{addr} {n} {", "}@x")
@example("550 \ud800@\ud800 \x7f", "\ud800@x")
def test_any_text_is_harvested_and_its_draft_can_be_read(text: str, to: str) -> None:
    found = harvested(said(text, to=to))
    if found.phrase is None:
        return
    assert Phrase.of(found.phrase).find(flatten(found.example)) is not None
    row = draft(found.phrase, "policy", [found.example], text)
    assert tomllib.loads(row)["cause"][0]["reason"] == "policy"


@given(st.text(max_size=300))
def test_phrase_stands_in_the_example(text: str) -> None:
    form = masked(text)
    phrase = phrase_of(form, sample(form))
    assert phrase is None or Phrase.of(phrase).find(flatten(sample(form))) is not None


@given(st.emails(), st.ip_addresses())
def test_examples_hold_neither_addresses_nor_hosts(address: str, host: object) -> None:
    found = harvested(said(f"550 <{address}>: no such person at [{host}]", to=address))
    assert address not in found.example.replace("user@example.com", "")
    assert str(host) not in found.example.replace("192.0.2.1", "")
