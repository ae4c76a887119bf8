"""A message is cut into text, report and returned headers, whatever its form."""

import base64
import quopri
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dsnwatch.rfc.headers import Headers, decoded_words
from dsnwatch.rfc.mime import Pieces, cut, plain
from tests.rfc.builders import MAILISH, NAME, VALUE, grows_with_length

STATUS = b"Reporting-MTA: dns; mail.example.com\n\nFinal-Recipient: rfc822; anne@example.org\n"
RETURNED = b"Message-ID: <1@example.com>\nTo: anne@example.org\n\nHello.\n"


def a_part(kind: str, body: bytes, *headers: str) -> bytes:
    """Write one part with its headers."""
    head = "\n".join([f"Content-Type: {kind}", *headers])
    return head.encode() + b"\n\n" + body


def a_multipart(
    *parts: bytes,
    kind: str = "multipart/report; report-type=delivery-status",
    boundary: str = "=b",
    declared: str = "",
    close: bool = True,
) -> bytes:
    """Write a message of several parts; `declared` is the boundary as the header has it."""
    given = declared or f'"{boundary}"'
    head = f"From: MAILER-DAEMON@example.com\nContent-Type: {kind}; boundary={given}\n\n".encode()
    line = b"--" + boundary.encode()
    body = b"".join(line + b"\n" + part + b"\n" for part in parts)
    return head + body + (line + b"--\n" if close else b"")


def a_report(**form: str) -> bytes:
    """Write a report of the usual three parts."""
    return a_multipart(
        a_part("text/plain; charset=utf-8", b"It did not arrive."),
        a_part("message/delivery-status", STATUS),
        a_part("message/rfc822", RETURNED),
        boundary=form.get("boundary", "=b"),
        declared=form.get("declared", ""),
    )


def test_report_is_cut_into_its_three_pieces() -> None:
    pieces = cut(a_report())
    assert pieces.text.strip() == "It did not arrive."
    assert pieces.delivery_status is not None
    assert pieces.delivery_status.strip() == STATUS.strip()
    assert pieces.returned is not None
    assert pieces.returned.get("message-id") == "<1@example.com>"
    assert pieces.defects == []


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_any_line_end_will_do(end: bytes) -> None:
    pieces = cut(a_report().replace(b"\n", end))
    assert pieces.delivery_status is not None
    assert pieces.returned is not None


@pytest.mark.parametrize(
    ("boundary", "declared"),
    [
        ("plain", "plain"),
        ("with blank", '"with blank"'),
        ("=_(odd)+/:?'", '"=_(odd)+/:?\'"'),
        ("-----dashes", '"-----dashes"'),
        ("folded", '\n\t"folded"'),
        ("upper", '"upper" ; CHARSET=us-ascii'),
        ("trail", '"trail   "'),
    ],
)
def test_boundary_is_read_as_written(boundary: str, declared: str) -> None:
    pieces = cut(a_report(boundary=boundary, declared=declared))
    assert pieces.delivery_status is not None
    assert pieces.content_types == ["text/plain", "message/delivery-status", "message/rfc822"]


def test_boundary_that_begins_another_one_is_not_confused_with_it() -> None:
    inner = a_part(
        'multipart/alternative; boundary="=b-inner"',
        b"--=b-inner\nContent-Type: text/plain\n\nInner words.\n--=b-inner--\n",
    )
    pieces = cut(a_multipart(inner, a_part("message/delivery-status", STATUS)))
    assert pieces.text.strip() == "Inner words."
    assert pieces.delivery_status is not None


def test_missing_closing_delimiter_loses_nothing_of_the_last_part() -> None:
    pieces = cut(a_multipart(a_part("message/delivery-status", STATUS), close=False))
    assert pieces.delivery_status is not None
    assert b"anne@example.org" in pieces.delivery_status


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "7bit", "BASE64", "x-unknown"])
def test_status_is_decoded(encoding: str) -> None:
    body = {
        "base64": base64.encodebytes(STATUS),
        "quoted-printable": quopri.encodestring(STATUS),
    }.get(encoding.lower(), STATUS)
    part = a_part("message/delivery-status", body, f"Content-Transfer-Encoding: {encoding}")
    pieces = cut(a_multipart(part))
    assert pieces.delivery_status is not None
    assert pieces.delivery_status.strip() == STATUS.strip()


def test_broken_base64_is_a_defect_and_its_beginning_is_read() -> None:
    body = base64.encodebytes(STATUS).replace(b"\n", b"")[:-3]
    part = a_part("message/delivery-status", body, "Content-Transfer-Encoding: base64")
    pieces = cut(a_multipart(part))
    assert pieces.delivery_status is not None
    assert pieces.delivery_status.startswith(b"Reporting-MTA")
    assert pieces.defects == ["broken base64"]


@pytest.mark.parametrize(
    ("kind", "piece"),
    [
        ("message/delivery-status", "delivery_status"),
        ("message/global-delivery-status", "delivery_status"),
        ("message/feedback-report", "feedback_report"),
        ("message/disposition-notification", "disposition"),
        ("message/global-disposition-notification", "disposition"),
        ("Message/Delivery-Status; charset=us-ascii", "delivery_status"),
    ],
)
def test_part_goes_by_its_type(kind: str, piece: str) -> None:
    assert getattr(cut(a_multipart(a_part(kind, STATUS))), piece) is not None


@pytest.mark.parametrize("kind", ["message/rfc822", "text/rfc822-headers", "message/global"])
def test_returned_headers_are_kept_and_the_returned_text_is_not_read(kind: str) -> None:
    pieces = cut(a_multipart(a_part("text/plain", b"Words."), a_part(kind, RETURNED)))
    assert pieces.returned is not None
    assert pieces.returned.get("to") == "anne@example.org"
    assert pieces.text.strip() == "Words."


def test_report_inside_the_returned_message_is_not_entered() -> None:
    inner = a_report().replace(b"=b", b"=inner").replace(b"anne@", b"inner@")
    pieces = cut(a_multipart(a_part("text/plain", b"Outer."), a_part("message/rfc822", inner)))
    assert pieces.delivery_status is None
    assert pieces.text.strip() == "Outer."


def test_first_of_two_status_parts_counts() -> None:
    second = STATUS.replace(b"anne@", b"bob@")
    pieces = cut(
        a_multipart(
            a_part("message/delivery-status", STATUS), a_part("message/delivery-status", second)
        )
    )
    assert pieces.delivery_status is not None
    assert b"bob@" not in pieces.delivery_status


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("utf-8", "Größe überschritten"),
        ("iso-8859-1", "Größe überschritten"),
        ("windows-1251", "Ящик переполнен"),
        ("koi8-r", "Ящик переполнен"),
        ("iso-2022-jp", "宛先がありません"),
        ("shift_jis", "宛先がありません"),
        ("gb2312", "邮箱已满"),
        ("gb18030", "邮箱已满"),
        ("big5", "郵件信箱已滿"),
        ("euc-kr", "메일함이 가득 찼습니다"),
        ("utf-16", "Größe"),
    ],
)
def test_text_is_decoded_by_its_charset(charset: str, text: str) -> None:
    body = base64.encodebytes(text.encode(charset))
    head = f"Content-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: base64\n\n"
    assert cut(head.encode() + body).text.strip() == text


@pytest.mark.parametrize(
    "charset",
    ["x-no-such", "", "utf-8;;", "rot13", "zlib_codec", "idna", "undefined", "\xff", "../../etc"],
)
def test_unknown_charset_loses_no_plain_words(charset: str) -> None:
    head = f"Content-Type: text/plain; charset={charset}\n\n".encode("latin-1")
    assert "plain words" in cut(head + "plain words, größer".encode()).text


@pytest.mark.parametrize("charset", ["utf-7", "unicode_escape", "raw_unicode_escape", "utf-16-le"])
def test_no_charset_makes_half_characters(charset: str) -> None:
    body = b"+2AA-  \\ud800 \\udfff \x00\xd8 \xe9"
    pieces = cut(f"Content-Type: text/plain; charset={charset}\n\n".encode() + body)
    pieces.text.encode("utf-8")


def test_declared_utf_8_that_is_latin_1_keeps_its_plain_words() -> None:
    body = "Content-Type: text/plain; charset=utf-8\n\nplain größer".encode("latin-1")
    assert "plain gr" in cut(body).text


def test_html_loses_its_tags_and_keeps_its_lines() -> None:
    text = plain("<html><head><title>no</title></head><body><p>One</p><div>Two &amp; &lt;3</div>")
    assert [line.strip() for line in text.split("\n") if line.strip()] == ["One", "Two & <3"]


def test_html_keeps_addresses_in_angle_brackets() -> None:
    assert "<anne@example.org>" in plain("<p>No such user <anne@example.org></p>")


def test_html_shows_nothing_that_is_hidden() -> None:
    assert "secret" not in plain("<style>secret</style><script>secret</script>seen")


def test_plain_text_is_preferred_to_html() -> None:
    pieces = cut(
        a_multipart(
            a_part("text/plain", b"plain"),
            a_part("text/html", b"<b>html</b>"),
            kind="multipart/alternative",
        )
    )
    assert pieces.text.strip() == "plain"


@pytest.mark.parametrize("data", [b"", b"\n", b"\r\n\r\n", b"\0\0\0", b"   \n \n"])
def test_message_with_nothing_in_it_has_a_defect(data: bytes) -> None:
    assert cut(data).defects


def test_multipart_without_its_boundary_has_a_defect() -> None:
    pieces = cut(b"From: a@example.org\nContent-Type: multipart/report\n\nwords\n")
    assert pieces.defects == ["multipart without its boundary"]
    assert pieces.text.strip() == "words"


def test_parts_nested_without_end_are_a_defect() -> None:
    body = b"the end"
    for level in range(100):
        line = f"--b{level}".encode()
        body = (
            f'Content-Type: multipart/mixed; boundary="b{level}"\n\n'.encode()
            + line + b"\n" + body + b"\n" + line + b"--\n"
        )  # fmt: skip
    assert "parts nested too deeply" in cut(body).defects


def test_thousands_of_parts_are_a_defect() -> None:
    parts = [a_part("text/plain", b"x")] * 5000
    assert "too many parts" in cut(a_multipart(*parts)).defects


# ---------------------------------------------------------------------------------- headers


def test_header_is_found_in_any_case_and_unfolded() -> None:
    headers = Headers(b"sUBJECT: one\n two\n\tthree\nFrom: anne@example.org")
    assert headers.get("subject") == "one two three"
    assert headers.get("to") is None


def test_first_of_a_repeated_header_counts() -> None:
    assert Headers(b"Received: one\nReceived: two\n more\nX: y").get("received") == "one"


def test_name_inside_a_body_is_no_header() -> None:
    assert Headers(b"Subject: To: nobody\n To: nobody either").get("to") is None


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("=?utf-8?q?Gr=C3=B6=C3=9Fe?=", "Größe"),
        ("=?iso-2022-jp?B?GyRCRX5AaBsoQg==?=", "到先"),
        ("=?utf-8?q?one?= =?utf-8?q?_two?=", "one two"),
        ("plain", "plain"),
        ("=?utf-8?q?broken", "=?utf-8?q?broken"),
    ],
)
def test_encoded_words_are_decoded(body: str, text: str) -> None:
    assert decoded_words(body) == text


@pytest.mark.parametrize(
    "body",
    ["=?no-such?q?a?=", "=?utf-8?b?!?=", "=?utf-8?b?a?=", "=?rot13?q?a?=", "=??q?a?=",
     "=?\xff?q?a?=", "=?unknown-8bit?q?=FF?=", "=?utf-8?q?=FF=FE?=", "=?utf-7?q?+2AA-?=",
     "=?idna?q?=FF?=", "=?utf-8?b?" + "A" * 5000 + "?=", "=?utf-16?q?=D8=00?=", "=?hex?q?zz?="],
)  # fmt: skip
def test_spoilt_encoded_words_are_text(body: str) -> None:
    decoded_words(body).encode("utf-8")


@given(st.dictionaries(NAME.map(str.lower), VALUE, min_size=1, max_size=6))
def test_written_headers_are_read_back(fields: dict[str, str]) -> None:
    headers = Headers("\n".join(f"{name}: {value}" for name, value in fields.items()).encode())
    assert {name: headers.get(name) for name in fields} == fields


# ------------------------------------------------------------------------------- properties


def a_whole(pieces: Pieces) -> None:
    """See that what came back can be printed and stored."""
    pieces.text.encode("utf-8")
    for defect in pieces.defects:
        assert defect


@given(st.binary(max_size=3000))
@example(b"Content-Type: multipart/report; boundary=\n\n--\n--\n--\n")
@example(b"\n--\ncontent-type: text/plain\n\nx")
@example(b"Content-Type: text/plain; charset=utf-7\n\n+2AA-\xff")
@example(b"Content-Transfer-Encoding: base64\n\n=\xff==")
@example(b"Content-Type: text/html\n\n<style<style</style")
def test_any_bytes_are_cut_without_raising(data: bytes) -> None:
    a_whole(cut(data))


@given(MAILISH)
def test_anything_like_a_message_is_cut_without_raising(data: bytes) -> None:
    a_whole(cut(data))


@given(st.text(max_size=400))
@example("<style" * 50)
@example("<" * 300)
@example("&#x110000; &#xd800; &nbsp;")
def test_any_markup_is_made_plain_without_raising(markup: str) -> None:
    plain(markup)


@given(st.text(max_size=200))
def test_any_header_is_decoded_without_raising(body: str) -> None:
    decoded_words(body)


@given(st.binary(max_size=300), st.sampled_from(["base64", "quoted-printable"]))
def test_encoded_status_is_read_back(body: bytes, encoding: str) -> None:
    encode = base64.encodebytes if encoding == "base64" else quopri.encodestring
    part = a_part(
        "message/delivery-status",
        encode(body + b"."),
        f"Content-Transfer-Encoding: {encoding}",
    )
    read = cut(a_multipart(part)).delivery_status
    assert read is not None
    normal = (body + b".").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    assert read.replace(b"\r\n", b"\n").replace(b"\r", b"\n").strip(b"\n") == normal.strip(b"\n")


def test_work_grows_with_the_number_of_parts() -> None:
    part = a_part("text/plain", b"x")
    assert grows_with_length(lambda size: cut(a_multipart(*[part] * size)))


def test_work_grows_with_the_length_of_markup() -> None:
    assert grows_with_length(lambda size: plain("<style>a</style>b" * size))


def test_a_large_message_is_not_held_many_times_over() -> None:
    data = a_multipart(a_part("text/plain", b"a line of words\n" * 500_000))
    tracemalloc.start()
    try:
        cut(data)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 10 << 20
