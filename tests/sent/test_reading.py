"""Lines of a mail log, and rows of a CSV, as facts."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsnwatch.errors import SourceError
from dsnwatch.sent import Rejected, Sent
from dsnwatch.sent import postfix as module
from dsnwatch.sent.postfix import PostfixLog
from dsnwatch.sent.rows import read

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
LOG = """\
Mar 31 10:00:01 mx1 postfix/pickup[11]: 9A2B3C4D5E: uid=33 from=<www-data>
Mar 31 10:00:01 mx1 postfix/cleanup[12]: 9A2B3C4D5E: message-id=<one@example.org>
Mar 31 10:00:01 mx1 postfix/qmgr[13]: 9A2B3C4D5E: from=<news+7@example.org>, size=512, nrcpt=2 (queue active)
Mar 31 10:00:02 mx1 postfix/smtp[14]: 9A2B3C4D5E: to=<Anne@Example.net>, relay=mx.example.net[192.0.2.7]:25, delay=1.2, delays=0.1/0/0.5/0.6, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 1234)
Mar 31 10:00:03 mx1 postfix/smtp[14]: 9A2B3C4D5E: to=<bob@example.com>, orig_to=<team@example.org>, relay=mx.example.com[192.0.2.8]:25, delay=2, delays=0.1/0/1/0.9, dsn=5.1.1, status=bounced (host mx.example.com[192.0.2.8] said: 550 5.1.1 <bob@example.com>: User unknown (in reply to RCPT TO command))
Mar 31 10:00:03 mx1 postfix/bounce[15]: 9A2B3C4D5E: sender non-delivery notification: 0F0F0F0F0F
Mar 31 10:00:03 mx1 postfix/qmgr[13]: 9A2B3C4D5E: removed
"""  # noqa: E501  lines of a log are as long as they are
ANNE = LOG.splitlines()[3]


def facts(text: str, now: datetime = NOW, relays: tuple[str, ...] = ()) -> list[Sent | Rejected]:
    lines = (line.encode() for line in text.splitlines(keepends=True))
    return [*PostfixLog(now, UTC, relays).read(lines, "mail.log")]


def test_a_message_is_put_together_by_its_queue_id() -> None:
    sent, rejected = facts(LOG)
    assert sent == Sent(
        at=datetime(2026, 3, 31, 10, 0, 2, tzinfo=UTC),
        recipient="anne@example.net",
        message_id="one@example.org",
        delivered=True,
        mark="mx1\x009A2B3C4D5E",
        sender="news+7@example.org",
    )
    assert isinstance(rejected, Rejected)
    assert (rejected.recipient, rejected.final_recipient) == ("team@example.org", "bob@example.com")
    assert (rejected.status, rejected.remote) == ("5.1.1", "mx.example.com")
    assert rejected.text.startswith("host mx.example.com[192.0.2.8] said: 550 5.1.1")
    assert (rejected.message_id, rejected.place) == ("one@example.org", "mail.log#5")


@pytest.mark.parametrize(
    "stamp",
    [
        "2026-03-31T10:00:02+00:00",
        "2026-03-31T10:00:02.123456+00:00",
        "2026-03-31T12:00:02+02:00",
        "2026-03-31 10:00:02",
    ],
)
def test_time_stamps_of_rfc_3339_are_read(stamp: str) -> None:
    (sent,) = facts(ANNE.replace("Mar 31 10:00:02", stamp))
    assert sent.at.replace(microsecond=0) == datetime(2026, 3, 31, 10, 0, 2, tzinfo=UTC)


@pytest.mark.parametrize("stamp", ["2024 Mar 31 10:00:02", "Mar 31 2024 10:00:02"])
def test_classic_time_stamps_may_have_a_year(stamp: str) -> None:
    (sent,) = facts(ANNE.replace("Mar 31 10:00:02", stamp))
    assert sent.at == datetime(2024, 3, 31, 10, 0, 2, tzinfo=UTC)


@pytest.mark.parametrize("daemon", ["local", "lmtp", "virtual", "pipe", "error"])
def test_what_our_own_users_are_handed_is_no_mail_of_ours(daemon: str) -> None:
    refused = next(line for line in LOG.splitlines() if "status=bounced" in line)
    assert len(facts(refused)) == 1
    assert facts(refused.replace("postfix/smtp", f"postfix/{daemon}")) == []


def test_a_message_may_be_queued_in_one_log_and_sent_in_the_next() -> None:
    log = PostfixLog(NOW, UTC)
    lines = [line.encode() for line in LOG.splitlines(keepends=True)]
    assert [*log.read(lines[:3], "mail.log.1")] == []
    sent, _ = log.read(lines[3:], "mail.log")
    assert (sent.message_id, sent.sender) == ("one@example.org", "news+7@example.org")


def test_octets_of_the_journal_that_are_no_text_are_read() -> None:
    text = ANNE.partition("]: ")[2].encode() + b"\xff"
    entry = {
        "__REALTIME_TIMESTAMP": "1774951202000000", "_HOSTNAME": "mx1",
        "SYSLOG_IDENTIFIER": "postfix/smtp", "MESSAGE": [*text[:-1]],
    }  # fmt: skip
    assert len(facts(json.dumps(entry))) == 1
    assert len(facts(json.dumps(entry | {"MESSAGE": [*text, -1, "x", 999]}))) == 1


def test_the_journal_is_read() -> None:
    moment = datetime(2026, 3, 31, 10, 0, 2, tzinfo=UTC)
    entry = {
        "__REALTIME_TIMESTAMP": str(int(moment.timestamp() * 1e6)),
        "_HOSTNAME": "mx1",
        "SYSLOG_IDENTIFIER": "postfix/smtp",
        "MESSAGE": ANNE.partition("]: ")[2],
    }
    (sent,) = facts(json.dumps(entry))
    assert (sent.at, sent.recipient) == (moment, "anne@example.net")


def test_a_time_stamp_without_a_year_is_of_the_last_one_that_fits() -> None:
    (sent,) = facts(ANNE.replace("Mar 31", "Dec 31"))
    assert sent.at.year == 2025
    (leap,) = facts(ANNE.replace("Mar 31", "Feb 29"), datetime(2024, 3, 1, tzinfo=UTC))
    assert (leap.at.year, leap.at.day) == (2024, 29)


def test_a_time_stamp_without_a_zone_is_local() -> None:
    log = PostfixLog(NOW, timezone(timedelta(hours=2)))
    (sent,) = log.read([ANNE.encode()], "log")
    assert sent.at == datetime(2026, 3, 31, 8, 0, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(ANNE.replace("mx.example.net[192.0.2.7]", "filter[127.0.0.1]"), id="filter"),
        pytest.param(ANNE.replace("relay=mx.example.net[192.0.2.7]:25", "relay=none"), id="none"),
        pytest.param(ANNE.replace("postfix/smtp", "postfix/local"), id="local"),
        pytest.param(ANNE.replace("status=sent", "status=deferred"), id="deferred"),
        pytest.param(ANNE.replace("Anne@Example.net", "root"), id="no address"),
        pytest.param(ANNE.replace("postfix/smtp", "dovecot"), id="another program"),
        pytest.param(ANNE.replace("Mar 31", "Xxx 31"), id="no month"),
        pytest.param(ANNE.replace("Mar 31", "Feb 30"), id="no day"),
        pytest.param(ANNE[:60], id="cut off"),
        pytest.param(ANNE + "x" * 10_000, id="endless"),
    ],
)  # fmt: skip
def test_what_says_nothing_of_a_recipient_is_passed_over(changed: str) -> None:
    assert facts(changed) == []


def test_a_smart_host_that_takes_a_message_shows_nothing() -> None:
    (sent,) = facts(ANNE, relays=("mx.example.net",))
    assert isinstance(sent, Sent)
    assert not sent.delivered


@pytest.mark.parametrize("program", ["postfix-out/smtp", "postfix/relay/smtp", "postfix/smtp"])
def test_instances_and_services_of_other_names_are_known(program: str) -> None:
    assert len(facts(ANNE.replace("postfix/smtp", program))) == 1


def test_what_is_remembered_of_the_queue_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUEUED_AT_MOST", 10)
    log = PostfixLog(NOW, UTC)
    line = "Mar 31 10:00:01 mx1 postfix/cleanup[1]: A{:08d}: message-id=<{}@example.org>\n"
    assert [*log.read((line.format(n, n).encode() for n in range(100)), "log")] == []
    assert len(log._queue) == 10  # noqa: SLF001  what is to be bounded


@given(st.lists(st.binary(max_size=300)))
def test_any_lines_are_read_without_raising(lines: list[bytes]) -> None:
    told = [b"Mar 31 10:00:01 mx1 postfix/smtp[1]: " + line for line in lines]
    [*PostfixLog(NOW, UTC).read([*lines, *told, b'{"MESSAGE": "postfix"}'], "log")]


@given(st.text(), st.text(), st.text())
def test_any_values_of_a_line_are_read_without_raising(to: str, relay: str, text: str) -> None:
    line = f"Mar 31 10:00:01 mx1 postfix/smtp[1]: ABCDEF: to=<{to}>, relay={relay}, delay=1, dsn=5.1.1, status=bounced ({text})"  # noqa: E501
    facts(line)


def rows(text: str) -> list[Sent | SourceError]:
    return [*read(text.splitlines(keepends=True), "sent.csv")]


def test_rows_tell_recipients_or_numbers() -> None:
    found = rows(
        "\ufeffTime,Email,Count,Stream,Campaign,Message-ID,ENVID,Delivered\n"
        "2026-03-31T10:00:00Z,Anne@Example.NET,,news,spring,<one@x.example>,e1,yes\n"
        "1774951200,,5000,news,spring,,,\n"
    )
    assert found[0] == Sent(
        datetime(2026, 3, 31, 10, tzinfo=UTC), "anne@example.net", 1, "news", "spring",
        "one@x.example", "e1", delivered=True, mark="2026-03-31T10:00:00Z\0news\0spring\0",
    )  # fmt: skip
    assert isinstance(found[1], Sent)
    assert (found[1].messages, found[1].recipient) == (5000, "")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("yesterday,anne@example.net,1", "no moment"),
        ("2026-03-31,anne,1", "no address"),
        ("2026-03-31,,many", "invalid literal"),
        ("2026-03-31,,-5", "no number of messages"),
        ("2026-03-31,,", "neither to whom nor how many"),
        ("2026-03-31", "fewer cells"),
        ('2026-03-31,"anne"x,1', "is not CSV"),
        ("99999999999999999999,anne@example.net,1", "no moment"),
    ],
)
def test_a_row_that_cannot_be_meant_is_told_and_the_next_is_read(row: str, said: str) -> None:
    bad, good = rows(f"time,recipient,count\n{row}\n2026-03-31,bob@example.net,1\n")
    assert isinstance(bad, SourceError)
    assert said in str(bad)
    assert "line 2" in str(bad)
    assert isinstance(good, Sent)


@pytest.mark.parametrize("heading", ["", "recipient,count\n", "time,stream\n", '"'])
def test_a_file_without_its_columns_is_refused(heading: str) -> None:
    with pytest.raises(SourceError, match="line 1"):
        rows(heading)


@given(st.text())
def test_any_rows_are_read_without_raising(text: str) -> None:
    rows(f"time,recipient,count\n{text}")
