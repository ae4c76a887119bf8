"""What is said of an address without asking anybody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsnwatch.lists.checks import OFTEN, PROVIDERS, is_role, meant, suggested, syntax


@pytest.mark.parametrize(
    "address",
    [
        "anne@example.com",
        "Anne.Smith+news@Example.CO.UK",
        "änne@example.com",
        "anne@bücher.example",
        "anne@xn--bcher-kva.example",
        "o'brien@example.com",
    ],
)
def test_address_is_one(address: str) -> None:
    assert syntax(address) is None


@pytest.mark.parametrize(
    "address",
    [
        "",
        "anne",
        "anne@",
        "@example.com",
        "anne@example",
        "anne..x@example.com",
        ".anne@example.com",
        "anne@-example.com",
        "anne@exam_ple.com",
        "anne @example.com",
        "anne@example.com, bob@example.com",
        "anne@1.2.3.4",
        f"{'a' * 65}@example.com",
        f"anne@{'a' * 64}.com",
        f"anne@{'a.' * 130}com",
        "anne@x.invalid",
        "=1+1@[x]",
        "\ud800@example.com",
    ],
)
def test_what_is_no_address_is_told_why(address: str) -> None:
    assert syntax(address)


@given(st.text())
def test_any_text_has_a_syntax_or_not(text: str) -> None:
    syntax(text)
    syntax(f"{text}@example.com")
    syntax(f"anne@{text}.com")


@pytest.mark.parametrize("address", ["info@example.com", "sales+x@example.com", "hr@x.example"])
def test_desk_is_no_person(address: str) -> None:
    assert is_role(address)


@pytest.mark.parametrize("address", ["anne@example.com", "infos@example.com", "info.a@x.example"])
def test_person_is_no_desk(address: str) -> None:
    assert not is_role(address)


@pytest.mark.parametrize(
    ("domain", "right"),
    [
        ("gmial.com", "gmail.com"),
        ("gmai.com", "gmail.com"),
        ("gmaill.com", "gmail.com"),
        ("gnail.com", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("gmial.con", "gmail.com"),
        ("hotmial.com", "hotmail.com"),
        ("hotmal.com", "hotmail.com"),
        ("yaho.com", "yahoo.com"),
        ("yahooo.com", "yahoo.com"),
        ("outlok.com", "outlook.com"),
        ("gmx.dee", "gmx.de"),
        ("t-onlin.de", "t-online.de"),
        ("icloud.cmo", "icloud.com"),
        ("wanadoo.ft", "wanadoo.fr"),
    ],
)
def test_slip_of_the_finger_is_found(domain: str, right: str) -> None:
    assert meant(domain) == right
    assert [*suggested(f"anne@{domain}")] == [f"anne@{right}"]


@pytest.mark.parametrize(
    "domain",
    [
        *sorted(PROVIDERS),
        "example.com",
        "like.com",
        "love.com",
        "yandex.com",
        "gmx.org",
        "online.com",
        "outlook.jp",
        "email.com",
        "fmail.example",
        "yahoo.com.mx",
        "webb.de",
        "live.de",
        "orange.com",
        "localhost",
        "",
    ],
)
def test_right_domain_is_none(domain: str) -> None:
    assert meant(domain) is None


def test_who_is_compared_with_is_known() -> None:
    assert OFTEN <= PROVIDERS
