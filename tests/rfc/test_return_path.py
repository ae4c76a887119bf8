"""Return paths: unwrapped, signed, verified; forged and stale ones told apart."""

import re
from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dsnwatch.rfc.return_path import (
    LIFE,
    MAX_LOCAL_PART,
    Checked,
    Key,
    SignedPath,
    Validity,
    check,
    keys_of,
    sign,
    sign_id,
    signed_path,
    unwrap,
    verp,
)

TODAY = date(2026, 3, 31)
KEY = Key("a", bytes(range(20)))
NEXT = Key("b", bytes(range(1, 21)))
DOMAIN = "return.test"
ADDRESSES = st.one_of(
    st.emails(),
    st.from_regex(r"[a-z0-9.+=_-]{1,40}@[a-z0-9-]{1,30}\.[a-z]{2,8}", fullmatch=True),
    st.text(min_size=1, max_size=60),
)


def signed(address: str, key: Key = KEY, day: date = TODAY) -> str:
    return sign(address, key, day, prefix="bounces", domain=DOMAIN)


@pytest.mark.parametrize(
    ("address", "inside", "layers"),
    [
        ("anne@example.org", "anne@example.org", ()),
        ("SRS0=HHH=TT=example.org=anne@forward.test", "anne@example.org", ("srs",)),
        ("srs0+HHH=TT=example.org=anne@forward.test", "anne@example.org", ("srs",)),
        (
            "SRS1=HHH=first.test==GGG=TT=example.org=anne@second.test",
            "anne@example.org",
            ("srs",),
        ),
        ("prvs=2034abcdef=anne@example.org", "anne@example.org", ("batv",)),
        ("prvs=anne/2034abcdef@example.org", "anne@example.org", ("batv",)),
        ("btv1==0123abc==anne@example.org", "anne@example.org", ("batv",)),
        (
            "SRS0=HHH=TT=example.org=prvs=2034abcdef=anne@forward.test",
            "anne@example.org",
            ("srs", "batv"),
        ),
        ("prvs=nothex=anne@example.org", "prvs=nothex=anne@example.org", ()),
        ("SRS0=too=few@forward.test", "SRS0=too=few@forward.test", ()),
    ],
)
def test_what_is_wrapped_around_is_taken_off(
    address: str, inside: str, layers: tuple[str, ...]
) -> None:
    found = unwrap(address)
    assert (found.address, found.layers) == (inside, layers)


@pytest.mark.parametrize(
    ("address", "prefix", "recipient"),
    [
        ("bounces+anne=example.org@return.test", None, "anne@example.org"),
        ("bounces+anne+x=y=example.org@return.test", None, "anne+x=y@example.org"),
        ("bounces-anne=example.org@return.test", "bounces", "anne@example.org"),
        ("my-list-mary-ann=example.org@return.test", "my-list", "mary-ann@example.org"),
        ("bounces-anne=example.org@return.test", None, None),
        ("bounces+anne=example.org@return.test", "other", None),
        ("bounces+4711@return.test", None, None),
        ("bounces+anne=localhost@return.test", None, None),
        ("bounces@return.test", None, None),
        ("", None, None),
    ],
)
def test_plain_verp_names_the_recipient(
    address: str, prefix: str | None, recipient: str | None
) -> None:
    assert verp(address, prefix) == recipient


def test_signed_path_shows_the_recipient_where_he_fits() -> None:
    path = signed("Anne@Example.ORG")
    assert re.fullmatch(r"bounces\+anne=example\.org\.a[a-z2-7]{18}@return\.test", path)
    found = signed_path(path)
    assert found is not None
    assert found.recipient == "anne@example.org"


@given(ADDRESSES)
@example("a..b@example.org")
@example("a%b@example.org")
@example('"a b"@example.org')
@example("\u00e4@example.org")
@example("a" * 60 + "@example.org")
def test_signed_path_holds_for_its_recipient_and_survives_folding(address: str) -> None:
    path = signed(address)
    local = path.rpartition("@")[0]
    assert len(local) <= MAX_LOCAL_PART
    assert re.fullmatch(r"[a-z0-9#$&'*+\-/=?^_`{|}~.]+", local)
    assert ".." not in local
    for text in (path, path.upper(), f"prvs=2034abcdef={path}"):
        checked = check(unwrap(text).address, (KEY, NEXT), TODAY)
        assert checked.validity is Validity.VALID
        assert checked.made_on == TODAY
        assert checked.path is not None
        assert checked.path.is_about(address, (KEY,))
        assert not checked.path.is_about("nobody@elsewhere.test", (KEY,))


@given(ADDRESSES, st.data())
def test_one_letter_changed_is_a_forgery(address: str, data: st.DataObject) -> None:
    path = signed(address)
    local = path.rpartition("@")[0]
    place = data.draw(st.integers(len("bounces+"), len(local) - 1))
    letter = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
    if letter != local[place] and local[place] != ".":
        changed = f"{local[:place]}{letter}{local[place + 1 :]}@{DOMAIN}"
        assert check(changed, (KEY,), TODAY).validity is Validity.FORGED


@pytest.mark.parametrize("days", [0, 1, LIFE.days, LIFE.days + 1, 1022])
def test_signature_is_good_for_two_weeks(days: int) -> None:
    checked = check(signed("anne@example.org"), (KEY,), TODAY + timedelta(days=days))
    good = days <= LIFE.days
    assert checked.validity is (Validity.VALID if good else Validity.EXPIRED)
    assert checked.made_on == TODAY


def test_same_letters_three_years_later_are_another_day() -> None:
    path = signed("anne@example.org")
    assert check(path, (KEY,), TODAY + timedelta(days=1024)).validity is Validity.FORGED


def test_clock_of_the_signer_may_be_a_day_ahead_and_no_more() -> None:
    ahead = signed("anne@example.org", day=TODAY + timedelta(days=1))
    assert check(ahead, (KEY,), TODAY).validity is Validity.VALID
    further = signed("anne@example.org", day=TODAY + timedelta(days=2))
    assert check(further, (KEY,), TODAY).validity is Validity.FORGED


def test_keys_are_told_apart_by_their_letter() -> None:
    assert check(signed("a@b.test", NEXT), (KEY, NEXT), TODAY).validity is Validity.VALID
    assert check(signed("a@b.test", NEXT), (KEY,), TODAY).validity is Validity.FORGED
    assert check(signed("a@b.test"), (), TODAY).validity is Validity.FORGED


def test_id_of_the_senders_own_is_taken() -> None:
    path = sign_id("Customer-4711", KEY, TODAY, prefix="news-bounces", domain=DOMAIN)
    checked = check(path, (KEY,), TODAY)
    assert checked.validity is Validity.VALID
    assert checked.path is not None
    assert (checked.path.prefix, checked.path.id) == ("news-bounces", "customer-4711")
    assert checked.path.recipient is None


@pytest.mark.parametrize("id_", ["", "a b", "a..b", ".a", "a@b", 'a"b', "a" * 50, "\u00e4"])
def test_what_cannot_be_an_id_is_refused(id_: str) -> None:
    with pytest.raises(ValueError, match="cannot be the id"):
        sign_id(id_, KEY, TODAY, prefix="bounces", domain=DOMAIN)


@pytest.mark.parametrize("prefix", ["", "a+b", "a@b", "a" * 30, ".a"])
def test_what_cannot_begin_a_return_path_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="cannot begin"):
        sign("anne@example.org", KEY, TODAY, prefix=prefix, domain=DOMAIN)


@pytest.mark.parametrize(
    "address",
    [
        "bounces@return.test",
        "bounces+4711@return.test",
        "bounces+anne=example.org@return.test",
        "anne@example.org",
        "",
        "bounces+\u017fxa.aaa2345672345672345@return.test",
    ],
)
def test_what_has_not_our_form_is_unsigned(address: str) -> None:
    assert check(address, (KEY,), TODAY) == Checked(Validity.UNSIGNED)


@given(st.text(max_size=100), st.text(max_size=30))
@example("b+x.\u212aaa2345672345672345", "d")
@example("b+\udcff.aaa2345672345672345", "d")
def test_any_text_is_read_without_raising(local: str, domain: str) -> None:
    address = f"{local}@{domain}"
    check(unwrap(address).address, (KEY,), TODAY)
    verp(address)
    verp(address, "bounces")


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_recipient_is_compared_without_raising(id_: str, recipient: str) -> None:
    SignedPath("bounces", id_, "a", "aa", "a" * 16).is_about(recipient, (KEY,))


def test_keys_are_read_from_their_file() -> None:
    text = f"# the first one signs\nb {NEXT.secret.hex()}\n\na  {KEY.secret.hex().upper()}\n"
    assert keys_of(text) == (NEXT, KEY)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a", "line 1 is no key"),
        (f"\nab {'0' * 32}", "line 2 is no key"),
        (f"1 {'0' * 32}", "line 1 is no key"),
        (f"a {'0' * 30}", "line 1 is no key"),
        (f"a {'0' * 33}", "line 1 is no key"),
        (f"a {'0' * 32}\na {'1' * 32}", "line 2: another key has the letter 'a'"),
    ],
)
def test_what_is_no_key_is_refused_with_its_line_and_without_the_key(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        keys_of(text)
    assert "000" not in str(caught.value)
