"""Literals are found wherever they stand, in whatever strangers wrote."""

from hypothesis import example, given
from hypothesis import strategies as st

from dsnwatch.rules.literals import Literals

WORDS = st.lists(st.text("ab\N{EURO SIGN}\N{HIRAGANA LETTER A}", min_size=1), unique=True)
TEXTS = st.text(st.sampled_from("ab \N{EURO SIGN}\N{HIRAGANA LETTER A}\udc80\U0001f4e7\0"))


@given(WORDS, TEXTS)
@example([], "a")
@example(["ab", "b"], "\udc80ab\U0001f4e7b")
def test_each_is_found_at_each_place(words: list[str], text: str) -> None:
    there = [
        (number, at, at + len(word))
        for number, word in enumerate(words)
        for at in range(len(text))
        if text.startswith(word, at)
    ]
    found = Literals(words).find(text)
    assert sorted(found) == sorted(there)
    assert [end for _, _, end in found] == sorted(end for _, _, end in found)
    assert Literals(words).stand_in(text) is bool(there)
