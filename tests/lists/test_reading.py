"""Suppression lists of other systems, told apart by their columns."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsnwatch.errors import DataError
from dsnwatch.lists import Listed, PassedOver, as_dict
from dsnwatch.lists.formats import FORMS
from dsnwatch.lists.reading import MOST_OBJECT, Asked, Source, read
from dsnwatch.records import Suppression

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
THEN = datetime(2026, 3, 1, 10, tzinfo=UTC)


def source(text: str, **asked: object) -> Source:
    found = read(text.splitlines(keepends=True), Asked("list", NOW, **asked))  # type: ignore[arg-type]  # its fields
    assert found is not None
    return found


def told(text: str, **asked: object) -> list[tuple[str, str]]:
    """Give address and reason of each row that suppresses."""
    rows = source(text, **asked).rows
    listed = [one.suppression for one in rows if isinstance(one, Listed)]
    return [(one.address, one.reason) for one in listed]


UPSTREAM = "suppressed_upstream"
FILES = {
    "sendgrid bounces": (
        "sendgrid",
        "status,reason,email,created\n5.1.1,550 5.1.1 unknown,anne@example.com,1772359200\n",
        UPSTREAM,
    ),
    "sendgrid api": (
        "sendgrid",
        '[{"created": 1, "email": "anne@example.com", "reason": "550", "status": "5.1.1"}]',
        UPSTREAM,
    ),
    "sendgrid spam reports": (
        "sendgrid",
        '[\n  {"created": 1772359200, "email": "anne@example.com", "ip": "192.0.2.1"}\n]',
        "complaint",
    ),
    "sendgrid invalid": (
        "sendgrid",
        "email,reason,created\nanne@example.com,Invalid,1772359200\n",
        "bad_address",
    ),
    "sendgrid unsubscribes": (
        "sendgrid",
        "email,created\nanne@example.com,1772359200\n",
        "unsubscribe",
    ),
    "ses bulk": ("ses", "anne@example.com,BOUNCE\n", UPSTREAM),
    "ses bulk complaint": ("ses", "anne@example.com,COMPLAINT\n", "complaint"),
    "ses lines": ("ses", '{"emailAddress":"anne@example.com","reason":"COMPLAINT"}\n', "complaint"),
    "ses api": (
        "ses",
        (
            '{"SuppressedDestinationSummaries": [{"EmailAddress": "anne@example.com", '
            '"Reason": "BOUNCE", '
            '"LastUpdateTime": "2026-03-01T10:00:00+00:00"}], "NextToken": "x"}'
        ),
        UPSTREAM,
    ),
    "mailgun bounces": (
        "mailgun",
        (
            "address,code,error,created_at\n"
            'anne@example.com,550,No such user,"Sun, 01 Mar 2026 10:00:00 UTC"\n'
        ),
        UPSTREAM,
    ),
    "mailgun api": (
        "mailgun",
        (
            '{"items": [{"address": "anne@example.com", "tags": ["*"], '
            '"created_at": "Sun, 01 Mar 2026 10:00:00 UTC"}], "paging": {}}'
        ),
        "unsubscribe",
    ),
    "mailgun complaints": (
        "mailgun",
        'address,created_at\nanne@example.com,"Sun, 01 Mar 2026 10:00:00 UTC"\n',
        "complaint",
    ),
    "postmark": (
        "postmark",
        (
            '{"Suppressions":[{"EmailAddress":"anne@example.com","SuppressionReason":"SpamComplaint",'
            '"Origin":"Recipient","CreatedAt":"2026-03-01T10:00:00Z"}]}'
        ),
        "complaint",
    ),
    "postmark csv": (
        "postmark",
        (
            "Email Address,Suppression Reason,Origin,Created At\n"
            "anne@example.com,ManualSuppression,Recipient,2026-03-01T10:00:00Z\n"
        ),
        "unsubscribe",
    ),
    "listmonk": (
        "listmonk",
        (
            "uuid,email,name,attributes,status,created_at\n"
            'x,anne@example.com,Anne,"{""a"": 1}",blocklisted,2026-03-01T10:00:00Z\n'
        ),
        UPSTREAM,
    ),
    "listmonk api": (
        "listmonk",
        (
            '{"data": {"results": [{"email": "anne@example.com", "status": "blocklisted", '
            '"attribs": {}}], "total": 1}}'
        ),
        UPSTREAM,
    ),
    "mailman": (
        "mailman",
        (
            '{"start": 0, "total_size": 1, "entries": [{"email": "anne@example.com", '
            '"list_id": "x", "role": "member", "delivery_status": "by_bounces"}]}'
        ),
        UPSTREAM,
    ),
    "mailman lines": ("generic", "Anne <anne@example.com>\n", "manual"),
    "generic": (
        "generic",
        "Name;E-Mail;Reason\nAnne;Anne@EXAMPLE.com;unsubscribed\n",
        "unsubscribe",
    ),
    "generic lines": ("generic", '{"email": "anne@example.com"}\n', "manual"),
}


@pytest.mark.parametrize("name", FILES)
def test_file_is_known_by_its_columns(name: str) -> None:
    form, text, reason = FILES[name]
    assert source(text).kind.name == form
    assert told(text) == [("anne@example.com", reason)]
    assert told(text, format=form) == [("anne@example.com", reason)]


@pytest.mark.parametrize("name", [name for name, row in FILES.items() if "2026" in row[1]])
def test_moment_is_read_as_each_writes_it(name: str) -> None:
    (row,) = source(FILES[name][1]).rows
    assert isinstance(row, Listed)
    assert row.suppression.since == THEN


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("email,status,attributes\nanne@example.com,enabled,{}\n", "status is 'enabled'"),
        ('{"entries": [{"email": "a@x.example", "list_id": "l", "role": "member"}]}',
         "no deliverystatus is given"),
        ('{"email": "a@x.example", "delivery_status": "by_user"}', "deliverystatus is 'by_user'"),
    ],
)  # fmt: skip
def test_row_that_is_no_suppression_is_passed_over(text: str, why: str) -> None:
    (row,) = source(text).rows
    assert isinstance(row, PassedOver)
    assert row.why == why


def test_tags_somebody_does_not_want_are_streams() -> None:
    text = 'address,tags,created_at\nanne@example.com,"news,offers",\nbob@example.com,*,\n'
    rows = [row.suppression for row in source(text).rows if isinstance(row, Listed)]
    assert [(row.address, row.stream) for row in rows] == [
        ("anne@example.com", "news"), ("anne@example.com", "offers"), ("bob@example.com", ""),
    ]  # fmt: skip


def test_reason_can_be_given_for_rows_that_say_none() -> None:
    found = told("email\nanne@example.com\n", reason="complaint")
    assert found == [("anne@example.com", "complaint")]


def test_another_format_than_asked_for_is_refused() -> None:
    with pytest.raises(DataError, match="looks like ses"):
        source("anne@example.com,BOUNCE\n", format="sendgrid")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[{"email": "anne@example.com"},\n{"email": "bob"}]', 2),
        ('{"email": "anne@example.com"}\n\n[]\n', 3),
        ('email,name\nanne@example.com,"a\nb"\nbob,x\n', 4),
        ("email\nanne@example.com, bob@example.com\n", 2),
        ('email\n=HYPERLINK("http://x.example")\n', 2),
        ("email\nanne@example.com bob@example.com\n", 2),
        ("email\nanne@@example.com\n", 2),
        ("email,since\nanne@example.com,yesterday\n", 2),
        ('email\n"anne@example.com"x\nbob@example.com\n', 2),
    ],
)
def test_row_that_cannot_be_meant_is_named_by_its_line(text: str, line: int) -> None:
    bad = [row for row in source(text).rows if isinstance(row, DataError)]
    assert len(bad) == 1
    assert f"list, line {line}: " in str(bad[0])


@pytest.mark.parametrize(
    "text", ['[{"email": "anne@example.com"},\n', '[{"email": "anne@example.com"} {"', "[x]"]
)
def test_list_that_is_cut_off_cannot_be_read_on(text: str) -> None:
    with pytest.raises(DataError, match="list, line"):
        list(source(text).rows)


def test_row_without_an_end_is_refused_before_it_fills_the_memory() -> None:
    given = 0

    def endless() -> object:
        nonlocal given
        yield '[{"email": "'
        while True:
            given += 1
            yield "x" * 65536

    with pytest.raises(DataError, match="is not JSON"):
        read(endless(), Asked("list", NOW))  # type: ignore[arg-type]  # a generator of text
    assert given * 65536 < 3 * MOST_OBJECT


def test_list_on_one_line_is_read_piece_by_piece() -> None:
    row = json.dumps({"email": "anne@example.com", "status": "5.1.1", "reason": "x" * 50_000,
                      "created": 1})  # fmt: skip
    text = f"[{', '.join([row] * 200)}]"
    pieces = (text[start : start + 10_000] for start in range(0, len(text), 10_000))
    found = read(pieces, Asked("list", NOW))
    assert found is not None
    assert sum(isinstance(one, Listed) for one in found.rows) == 200


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for begin in ("", "email,created\n", "[", '{"items": [', '{"email": '):
        try:
            found = read(f"{begin}{text}".splitlines(keepends=True), Asked("list", NOW))
            for row in found.rows if found else ():
                assert isinstance(row, Listed | PassedOver | DataError)
        except DataError:
            continue


SUPPRESSIONS = st.builds(
    Suppression,
    address=st.sampled_from(["anne@example.com", "=1+1@example.com", '"a b"@example.com']),
    reason=st.sampled_from(["user_unknown", "complaint", "unsubscribe", "manual"]),
    origin=st.sampled_from(["bounce", "complaint", "unsubscribe", "manual", "import"]),
    rule=st.sampled_from(["hard", "suppressions add"]),
    since=st.datetimes(datetime(1980, 1, 1), datetime(2020, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  what hypothesis wants
    until=st.none() | st.datetimes(datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  likewise
    stream=st.sampled_from(["", "news"]),
    event_id=st.none(),
    batch=st.none(),
    lifted_until=st.none(),
    note=st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"])).map(str.strip),
)


@given(st.lists(SUPPRESSIONS, min_size=1))
def test_what_is_exported_as_json_is_read_back_as_it_was(rows: list[Suppression]) -> None:
    write = FORMS["json"].lines
    assert write is not None
    found = read(map(write, rows), Asked("list", NOW))
    assert found is not None
    back = [row.suppression for row in found.rows if isinstance(row, Listed)]
    assert [as_dict(one) for one in back] == [as_dict(one) for one in rows]
