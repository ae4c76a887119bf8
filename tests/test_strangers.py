"""Whatever strangers write, every function that reads it comes back; none raises.

What each gives for what is written rightly is in the tests of its own room.
"""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsnwatch.model import Action
from dsnwatch.reading import prose, sender, ses
from dsnwatch.rfc import (
    address,
    auto_submitted,
    charset,
    date,
    delivery_status,
    json_text,
    mime,
    status_code,
)
from dsnwatch.rfc import headers as rfc_headers
from dsnwatch.rules.blocklists import blocklists
from dsnwatch.rules.phrases import flatten, lowered
from dsnwatch.sources import walk
from tests.reading.builders import READER

TABLE = READER.rules.dialects
OF_TEXT: dict[str, Callable[[str], object]] = {
    "address.typed": address.typed,
    "address.normalise": address.normalise,
    "address.key": address.key,
    "address.domain_of": address.domain_of,
    "address.find_all": address.find_all,
    "date": date.date,
    "diagnostic_of": delivery_status.diagnostic_of,
    "headers.decoded_words": rfc_headers.decoded_words,
    "json_text.to_json": json_text.to_json,
    "mime.plain": mime.plain,
    "mime.returned_headers": lambda text: mime.returned_headers(text).kept(),
    "status_code.codes": status_code.codes,
    "status_code.from_field": status_code.from_field,
    "prose.split_returned": lambda text: prose.split_returned(text, TABLE),
    "prose.remote_host": prose.remote_host,
    "prose.whole": lambda text: prose.whole(text, [text, "anne@example.org"]),
    "prose.aimed": lambda text: prose.aimed(TABLE.by_id["any"], text, [], [text]),
    "sender.by_system": sender.by_system,
    "sender.unquoted": sender.unquoted,
    "ses.notification": ses.notification,
    "phrases.flatten": flatten,
    "phrases.lowered": lowered,
    "dialects.find": lambda text: TABLE.find(text, text, text, rfc_headers.Headers(b"")),
    "dialects.writer": TABLE.writer,
    "dialects.returned_line": lambda text: TABLE.returned_line(text.split("\n")),
    "providers.by_host": READER.rules.providers.by_host,
    "providers.by_text": READER.rules.providers.by_text,
    "blocklists.find": blocklists().find,
}
OF_OCTETS: dict[str, Callable[[bytes], object]] = {
    "charset.decoded": lambda octets: charset.decoded(octets, None),
    "delivery_status.field_groups": delivery_status.field_groups,
    "headers": lambda octets: rfc_headers.Headers(octets).text("subject"),
    "auto_replied": lambda octets: auto_submitted.auto_replied(rfc_headers.Headers(octets)),
    "by_person": lambda octets: sender.by_person(rfc_headers.Headers(octets), "a", "re: b"),
    "walk.begins_as_mail": walk.begins_as_mail,
}
PIECES = st.sampled_from(
    ["\n", "\n\n", "@", "<", ">", ":", ";", "=?utf-8?q?", "=?x?b?", "?=", "rfc822;", "5.1.1",
     "550 ", "550-", "\\320", "+40", "\\x{41}", "anne@example.org", "xn--", "\u2028", "\xe9",
     "\0", "{", "}", '"', "From: ", "Received: ", "--", "host ", "a.", "<style", "</style>", "&#x",
     "&amp", "Mon, ", "1 Jan 2026 ", "+9999", "notificationType", "smtp; ", "said: "]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=300), st.lists(PIECES, max_size=60).map("".join))
OCTETS = st.one_of(st.binary(max_size=300), TEXTS.map(str.encode))


@pytest.mark.parametrize("read", OF_TEXT.values(), ids=OF_TEXT)
@given(text=TEXTS)
def test_any_text_is_read(read: Callable[[str], object], text: str) -> None:
    read(text)


@pytest.mark.parametrize("read", OF_OCTETS.values(), ids=OF_OCTETS)
@given(octets=OCTETS)
def test_any_octets_are_read(read: Callable[[bytes], object], octets: bytes) -> None:
    read(octets)


@given(OCTETS, st.text(max_size=20) | st.sampled_from(["utf-16", "iso-2022-jp", "hz", "idna"]))
def test_any_octets_are_decoded_by_any_charset(octets: bytes, name: str) -> None:
    assert isinstance(charset.decoded(octets, name), str)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["emailAddress", "action", "status", "diagnosticCode", "bounceType", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(
    kind=st.sampled_from(["Bounce", "Complaint", "Delivery", "Other"]),
    listed=JSON | st.lists(JSON, max_size=3),
    body=st.dictionaries(st.sampled_from(["reportingMTA", "smtpResponse", "bounceType"]), JSON),
    wrapped=st.booleans(),
)
def test_any_notification_of_amazons_form_is_read(
    kind: str, listed: object, body: dict[str, object], *, wrapped: bool
) -> None:
    key = {"Bounce": "bouncedRecipients", "Complaint": "complainedRecipients"}.get(
        kind, "recipients"
    )
    said: dict[str, object] = {"notificationType": kind, kind.lower(): body | {key: listed}}
    text = json.dumps({"Message": json.dumps(said)} if wrapped else said)
    found = ses.notification(text)
    for one in found[1] if found else ():
        assert one.recipient
        assert one.action in set(Action)
