"""The nouns that compute something."""

import hashlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dsnwatch import model
from dsnwatch.model import RawMessage
from dsnwatch.reading import reader

LINES = st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", b"\r\r\n", b"\0"]), max_size=40)


@given(LINES.map(b"".join))
@example(b"")
@example(b"\n")
@example(b"\r\n")
@example(b"a\r\r\n")
def test_fingerprint_is_that_of_lf_lines_without_blank_ones_at_the_end(data: bytes) -> None:
    expected = hashlib.sha256(data.replace(b"\r\n", b"\n").rstrip(b"\n")).hexdigest()
    assert RawMessage(data, "", "").fingerprint == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "_PIECE", 3)
        assert RawMessage(data, "", "").fingerprint == expected


@given(LINES.map(b"".join))
@example(b"a\r\n\r\n")
@example(b"a\rb\r\n")
def test_reading_has_the_fingerprint_of_its_message_or_none(data: bytes) -> None:
    found = reader.built_in().read(data).fingerprint
    alone = b"\r" in data.replace(b"\r\n", b"\n")
    assert found == ("" if alone else RawMessage(data, "", "").fingerprint)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "MAX_LOOK", len(data) - 1)
        assert not reader.built_in().read(data).fingerprint
