"""Phrases are matched in flat text, at the edges of words, in one pass."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dsnwatch.rules.phrases import MAX_TEXT, Phrase, PhraseIndex, flatten
from tests.rfc.builders import ADDRESS, grows_with_length

WORD = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
WORDS = st.lists(WORD, min_size=1, max_size=6).map(" ".join)

FLAT = [
    ("No Such\n  User\there", "no such user here"),
    ("<Anne@Example.ORG>: unknown", "{addr}: unknown"),
    ("user anne@example.org is gone", "user {addr} is gone"),
    ("rfc822;anne@example.org gone", "{addr} gone"),
    ("Boîte pleine, l\u2019adresse", "boite pleine, l'adresse"),
    ("550-5.1.1 one 550-5.1.1 two 550 5.1.1 three", "550-5.1.1 one two three"),
    ("", ""),
    ("邮箱 已满", "邮箱 已满"),
    ("Größe", "große"),
]
FOUND = [
    ("user unknown", "the user unknown here", True),
    ("user unknown", "superuser unknown", False),
    ("user unknown", "user unknownst", False),
    ("user unknown", "user unknown", True),
    ("user unknown", "(user unknown)", True),
    ("user unknown", "superuser unknown; user unknown", True),
    ("{*}user unknown", "superuser unknown", True),
    ("user unknown{*}", "user unknownst", True),
    ("user {*} unknown", "user anne is unknown", True),
    ("user{*}unknown", "user unknown", True),
    ("user {*} unknown", "unknown user", False),
    ("mailbox{..}full", "the mailbox of anne is full", True),
    ("mailbox{..}full", "mailbox full", True),
    ("mailbox{..}full", "mailboxes full", False),
    ("mailbox{..}full", "mailbox " + "of somebody " * 4 + "full", False),
    ("mailbox{..}full", "a mailbox " + "of somebody " * 4 + "or a mailbox that is full", True),
    ("mailbox{..}is{..}full", "mailbox of anne is quite full", True),
    ("a{..}b{*}c", "a b " + "x " * 50 + "c", True),
    ("a{..}b{*}c", "a " + "x " * 50 + "b c", False),
    ("a{*}b{..}c", "a " + "x " * 50 + "b c", True),
    ("{addr} rejected", "{addr} rejected", True),
    ("mailbox full", "mailbox  full", False),
    ("已满", "邮箱已满了", True),
    ("(s3150)", "list (s3150).", True),
    ("5.1.1", "15.1.1", False),
]


@pytest.mark.parametrize(("text", "flat"), FLAT)
def test_text_is_made_flat(text: str, flat: str) -> None:
    assert flatten(text) == flat


@pytest.mark.parametrize(("phrase", "text", "stands"), FOUND)
def test_phrase_stands_at_the_edges_of_words(phrase: str, text: str, stands: bool) -> None:  # noqa: FBT001  a row of a table
    assert (Phrase.of(phrase).find(text) is not None) is stands


@pytest.mark.parametrize(("phrase", "text", "stands"), FOUND)
def test_index_finds_what_the_phrase_alone_finds(phrase: str, text: str, stands: bool) -> None:  # noqa: FBT001  likewise
    index = PhraseIndex([(Phrase.of(phrase), 7)])
    assert [number for number, *_ in index.find(text)] == [7] * stands


@pytest.mark.parametrize("phrase", ["", "  ", "{*}", "{*} {*}"])
def test_phrase_of_nothing_is_refused(phrase: str) -> None:
    with pytest.raises(ValueError, match="says nothing"):
        Phrase.of(phrase)


def test_span_is_where_the_words_stand() -> None:
    text = "sorry, user anne unknown here"
    span = Phrase.of("user {*} unknown").find(text)
    assert span is not None
    assert text[slice(*span)] == "user anne unknown"


def test_index_of_nothing_finds_nothing() -> None:
    assert PhraseIndex([]).find("anything") == []


def test_index_gives_phrases_in_the_order_of_their_numbers() -> None:
    index = PhraseIndex([(Phrase.of("b c"), 2), (Phrase.of("a"), 3), (Phrase.of("c"), 1)])
    assert [number for number, *_ in index.find("a b c")] == [1, 2, 3]


@given(st.text(max_size=600))
@example("@" * 500)
@example("a@" * 300)
@example("\u0130@\u0130")
def test_any_text_is_made_flat_without_raising(text: str) -> None:
    flat = flatten(text)
    assert "  " not in flat
    assert flat == flat.strip()
    assert "\n" not in flat


@given(ADDRESS, WORDS)
def test_address_in_a_text_becomes_a_token(address: str, words: str) -> None:
    assert flatten(f"{words} <{address}> {words}") == f"{words} {{addr}} {words}"


@given(WORDS, WORDS, WORDS)
def test_phrase_set_into_a_text_is_found(before: str, phrase: str, behind: str) -> None:
    span = Phrase.of(phrase).find(f"{before} {phrase} {behind}")
    assert span is not None
    assert f"{before} {phrase} {behind}"[slice(*span)] == phrase


@given(st.lists(WORDS, min_size=1, max_size=8), WORDS)
def test_index_finds_exactly_the_phrases_that_stand_there(phrases: list[str], text: str) -> None:
    compiled = [Phrase.of(phrase) for phrase in phrases]
    index = PhraseIndex((phrase, number) for number, phrase in enumerate(compiled))
    assert [number for number, *_ in index.find(text)] == [
        number for number, phrase in enumerate(compiled) if phrase.find(text)
    ]


def test_no_more_than_the_cap_is_looked_at() -> None:
    assert len(flatten("word " * MAX_TEXT)) <= MAX_TEXT


def test_work_of_a_phrase_grows_with_the_text() -> None:
    phrase = Phrase.of("aa {*} aa")
    assert grows_with_length(lambda size: phrase.find("a" * size))


def test_work_of_an_index_grows_with_the_text() -> None:
    index = PhraseIndex([(Phrase.of("aa{*}b"), 1), (Phrase.of("aa"), 2), (Phrase.of("aa b"), 3)])
    assert grows_with_length(lambda size: index.find("aa " * size))
