"""Addresses come to one form, however strangers write them."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dsnwatch.rfc.address import domain_of, find_all, key, normalise, typed
from tests.rfc.builders import ADDRESS, DOMAIN, LOCAL

WRAPPING = st.text(alphabet="<>'\"`;,: .@", max_size=4)
FORMS = [
    ("anne@example.org", "anne@example.org"),
    ("Anne@Example.ORG", "Anne@example.org"),
    ("<anne@example.org>", "anne@example.org"),
    (" <anne@example.org> ", "anne@example.org"),
    ("Anne <anne@example.org>", "anne@example.org"),
    ("anne@example.org.", "anne@example.org"),
    ("rfc822;anne@example.org", "anne@example.org"),
    ("RFC822; anne@example.org", "anne@example.org"),
    ("utf-8;anne@example.org", "anne@example.org"),
    ("mailto:anne@example.org", "anne@example.org"),
    ("@relay.example.net:anne@example.org", "anne@example.org"),
    ("<@a.example.net,@b.example.net:anne@example.org>", "anne@example.org"),
    ("jörg@bücher.example", "jörg@xn--bcher-kva.example"),
    ("anne@BÜCHER.example", "anne@xn--bcher-kva.example"),
    ('"anne b"@example.org', '"anne b"@example.org'),
    ('"a@b"@example.org', '"a@b"@example.org'),
    ("anne+news@example.org", "anne+news@example.org"),
    ("bounces+40tag@example.org", "bounces+40tag@example.org"),
    ("anne", "anne"),
    ("<>", ""),
    ("", ""),
    ("'anne@example.org'", "anne@example.org"),
    ("anne@example.org,", "anne@example.org"),
]
FIELDS = [
    ("rfc822; anne@example.org", "anne@example.org"),
    ("rfc822;anne@example.org", "anne@example.org"),
    ("RFC822;<anne@example.org>", "anne@example.org"),
    ("anne@example.org", "anne@example.org"),
    ("anne@example.org (Anne)", "anne@example.org"),
    ("rfc822;anne+40example.org", "anne@example.org"),
    ("utf-8; jörg@example.org", "jörg@example.org"),
    ("utf-8;j\\x{F6}rg@example.org", "jörg@example.org"),
    ("x-local; anne@example.org", "anne@example.org"),
    ("system; anne@example.org", "anne@example.org"),
    ("rfc822; |/usr/bin/procmail", "|/usr/bin/procmail"),
    ("rfc822; /var/mail/anne", "/var/mail/anne"),
    ("rfc822;", ""),
    ("", ""),
    ("rfc822; <>", ""),
]
IN_TEXT = [
    ("write to anne@example.org, or not", ["anne@example.org"]),
    ("<anne@example.org>: gone", ["anne@example.org"]),
    ("anne@example.org.", ["anne@example.org"]),
    ("[anne@example.org](mailto:anne@example.org)", ["anne@example.org"]),
    ("a@example.org b@example.net a@example.org", ["a@example.org", "b@example.net"]),
    ("user@example.org:", ["user@example.org"]),
    ("'anne@example.org'", ["anne@example.org"]),
    ("no one @ all", []),
    ("@", []),
    ("", []),
]


@pytest.mark.parametrize(("written", "address"), FORMS)
def test_address_comes_to_its_one_form(written: str, address: str) -> None:
    assert normalise(written) == address


@pytest.mark.parametrize(("field", "address"), FIELDS)
def test_address_is_read_out_of_a_field(field: str, address: str) -> None:
    assert typed(field) == address


@pytest.mark.parametrize(("text", "addresses"), IN_TEXT)
def test_addresses_are_found_in_running_text(text: str, addresses: list[str]) -> None:
    assert find_all(text) == addresses


def test_escape_of_a_surrogate_stays_an_escape() -> None:
    assert typed("utf-8;a\\x{D800}@example.org") == "a\\x{D800}@example.org"


@pytest.mark.parametrize(
    ("address", "domain"),
    [("anne@example.org", "example.org"), ('"a@b"@example.org', "example.org"), ("anne", "")],
)
def test_domain_is_what_stands_behind_the_last_at(address: str, domain: str) -> None:
    assert domain_of(address) == domain


@given(st.text(max_size=400))
@example("<" * 300)
@example("@" * 300)
@example("a@" * 150)
@example("@a:" * 100 + "b@c")
@example("\ud800@example.org")
@example("a@" + "\u0660" * 70)
@example("a@\u2024.\u3002")
def test_any_text_is_normalised_without_raising(text: str) -> None:
    normalise(text)
    typed(text)
    find_all(text)
    domain_of(text)


@given(
    st.one_of(
        st.text(max_size=100), st.builds("{}{}@{}{}".format, WRAPPING, LOCAL, DOMAIN, WRAPPING)
    )
)
@example("a@example.org..")
@example("<'a@b'>")
@example("'SMTP=a@b.example'")
def test_normal_form_of_an_address_is_normal(text: str) -> None:
    once = normalise(text)
    if find_all(once) == [once]:
        assert normalise(once) == once


@given(ADDRESS)
def test_plain_address_is_its_own_normal_form(address: str) -> None:
    assert normalise(address) == address
    assert find_all(address) == [address]


@given(LOCAL, DOMAIN)
def test_case_of_the_domain_means_nothing_that_of_the_local_part_something(
    local: str, domain: str
) -> None:
    assert normalise(f"{local}@{domain.upper()}") == f"{local}@{domain}"


@given(
    ADDRESS, st.sampled_from(["{}", "<{}>", "rfc822;{}", "rfc822; <{}>", "RFC822 ; {}", "  {} "])
)
def test_written_field_is_read_back(address: str, form: str) -> None:
    assert typed(form.format(address)) == address


@given(st.lists(ADDRESS, max_size=5), st.sampled_from([", ", "\n", " and ", ">, <", "; "]))
def test_addresses_set_into_text_are_found_in_order(addresses: list[str], between: str) -> None:
    text = "It failed for <" + between.join(addresses) + "> today"
    assert find_all(text) == list(dict.fromkeys(addresses))


def test_spellings_of_a_local_part_are_one_key() -> None:
    assert key("ANNE@Example.ORG") == key("anne@example.org") == "anne@example.org"
