"""Line templates become matchers that no line can make go back and forth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsnwatch.rules.dialects import TOKEN, compile_line, masked
from tests.rfc.builders import ADDRESS

MATCHED = [
    ("<{addr}>:", "<anne@example.org>:", "anne@example.org"),
    ("<{addr}>: {text}", "<anne@example.org>: no such user", "anne@example.org"),
    ("{addr}", "anne@example.org", "anne@example.org"),
    ("<{local}>:", "<anne>:", "anne"),
    ("{*} <{addr}>", "Anne B <anne@example.org>", "anne@example.org"),
    ("{*}recipient: {addr}", "the failed recipient: anne@example.org", "anne@example.org"),
    ("{code} {status} {addr}... {text}", "550 5.1.1 anne@example.org... gone", "anne@example.org"),
    ("{host}: {addr}", "mx.example.org: anne@example.org", "anne@example.org"),
    ("RCPT TO:<{addr}>", "rcpt to:<anne@example.org>", "anne@example.org"),
    ("{addr} ({word})", "anne@example.org  (Anne)", "anne@example.org"),
]
NOT_MATCHED = [
    ("<{addr}>:", "<anne>:"),
    ("<{addr}>:", "<anne@example.org>"),
    ("{addr}", "to anne@example.org"),
    ("{addr}", "anne@example.org today"),
    ("{code} {addr}", "999 anne@example.org"),
    ("{*}to {addr}", "anne@example.org"),
]


@pytest.mark.parametrize(("template", "line", "address"), MATCHED)
def test_template_finds_its_address(template: str, line: str, address: str) -> None:
    mask, addresses = masked(line)
    found = compile_line(template).match(mask)
    assert found is not None
    assert (addresses[0] if found["addr"] == TOKEN else found["addr"]) == address


@pytest.mark.parametrize(("template", "line"), NOT_MATCHED)
def test_template_leaves_other_lines_alone(template: str, line: str) -> None:
    mask, _ = masked(line)
    found = compile_line(template).match(mask)
    assert found is None or TOKEN in found["addr"][:-1]


@pytest.mark.parametrize(
    "template", ["{fin} {addr}", "{*}{host} {addr}", "{*}{local}", "{*}{*}{host} {addr}"]
)
def test_template_that_cannot_be_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="place"):
        compile_line(template)


@pytest.mark.parametrize("template", ["no place at all", "{text}", "{addr} {addr}"])
def test_template_that_names_nobody_or_two_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="recipient"):
        compile_line(template)


def test_regular_expressions_in_a_template_are_just_words() -> None:
    assert compile_line("(a+)+$ {addr}").match(f"(a+)+$ {TOKEN}")
    assert not compile_line("a.c {addr}").match(f"abc {TOKEN}")


@given(st.text(max_size=300))
def test_any_line_is_masked_without_raising(line: str) -> None:
    mask, addresses = masked(line)
    assert mask.count(TOKEN) == len(addresses)


@given(st.lists(ADDRESS, max_size=4), st.sampled_from([" ", ", ", "> <", ";"]))
def test_masked_addresses_come_back_in_order(addresses: list[str], between: str) -> None:
    line = between.join(addresses)
    mask, found = masked(line)
    assert found == addresses
    assert mask == between.join([TOKEN] * len(addresses))


@given(st.sampled_from([template for template, *_ in MATCHED]), st.text(max_size=300))
def test_any_line_is_matched_without_raising(template: str, line: str) -> None:
    compile_line(template).match(masked(line)[0])
