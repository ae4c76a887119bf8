"""What `dsnwatch sent` takes in, once."""

import gzip
from pathlib import Path

import pytest

from tests.sent.test_reading import LOG

from .builders import a_bounce, an_mbox
from .conftest import Run

CSV = """\
time,recipient,stream,campaign,message_id,delivered
2026-03-31T10:00:00Z,anne@example.com,news,spring,<one@example.org>,yes
2026-03-31T10:00:00Z,bob@example.com,news,spring,<two@example.org>,no
2026-03-31T11:00:00Z,carl@example.com,shop,,<three@example.org>,
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "mail.log"
    path.write_text(LOG)
    return path


def told(run: Run, *arguments: object) -> dict[str, object]:
    ran = run("sent", "import", "--json", *arguments)
    assert ran.status == 0, ran.err
    (row,) = ran.rows
    row.pop("at")
    return row


def test_a_csv_is_taken_in_once(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "sent.csv"
    path.write_text(CSV)
    assert told(run, path) == {
        "facts": 3, "messages": 3, "alive": 1, "freed": 0, "rejected": 0, "events": 0,
        "suppressed": 0,
    }  # fmt: skip
    assert told(run, path)["messages"] == 0
    assert run("sent", "counts", "--json", "--since", "3650d").rows == [
        {"stream": "news", "campaign": "spring", "messages": 2},
        {"stream": "shop", "campaign": "", "messages": 1},
    ]


def test_a_log_is_taken_in_once_plain_or_packed(run: Run, tmp_path: Path, log: Path) -> None:
    packed = tmp_path / "mail.log.1.gz"
    packed.write_bytes(gzip.compress(log.read_bytes()))
    first = told(run, "--postfix", log)
    assert (first["messages"], first["alive"], first["rejected"]) == (2, 1, 1)
    assert (first["events"], first["suppressed"]) == (1, 1)
    again = told(run, "--postfix", packed)
    assert (again["messages"], again["events"], again["suppressed"]) == (0, 0, 0)
    (event,) = run("events", "list", "--json").rows
    assert (event["recipient"], event["reason"]) == ("team@example.org", "user_unknown")
    assert run("check", "team@example.org").status == 1


def test_a_report_of_a_rejection_is_the_same_event(run: Run, tmp_path: Path, log: Path) -> None:
    told(run, "--postfix", log)
    report = a_bounce("bob@example.com").replace(b"<original1@example.org>", b"<one@example.org>")
    report = report.replace(
        b"Final-Recipient", b"Original-Recipient: rfc822; team@example.org\nFinal-Recipient"
    )
    run("import", an_mbox(tmp_path / "mbox", [report]))
    assert len(run("events", "list", "--json").rows) == 1


def test_a_report_about_a_message_that_was_sent_is_matched(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "sent.csv"
    path.write_text(
        "time,recipient,message_id\n2026-03-04T10:00:00Z,bob@example.com,<original1@example.org>\n"
    )
    told(run, path)
    run("import", "--untrusted", an_mbox(tmp_path / "mbox", [a_bounce("bob@example.com")]))
    (event,) = run("events", "list", "--json").rows
    assert event["trust"] == "matched"


def test_a_log_can_be_piped_in(run: Run) -> None:
    ran = run("sent", "import", "--postfix", "-", stdin=LOG.encode())
    assert ran.status == 0
    assert "2 facts: 2 messages" in ran.out


def test_a_row_that_cannot_be_meant_is_told_and_the_others_count(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "sent.csv"
    path.write_text(CSV + "yesterday,x@example.com,,,,\n")
    ran = run("sent", "import", path)
    assert ran.status == 65
    assert "line 5" in ran.err
    assert "3 messages" in ran.out


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "line 1"),
        (b"\xff\xfe", "UTF-8"),
        (b"a,b\n", "line 1"),
        (b"\x1f\x8bnot gzip", "check the path"),
    ],
)
def test_a_file_that_is_none_is_refused_in_a_line(
    run: Run, tmp_path: Path, data: bytes, said: str
) -> None:
    path = tmp_path / "sent.csv"
    path.write_bytes(data)
    ran = run("sent", "import", path)
    assert ran.status == 66
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1


def test_a_missing_file_is_refused(run: Run, tmp_path: Path) -> None:
    assert run("sent", "import", tmp_path / "none").status == 66


def test_the_sender_says_the_stream(run: Run, tmp_path: Path, log: Path) -> None:
    config = tmp_path / "dsnwatch.toml"
    config.write_text('[[attribution.stream]]\nname = "letters"\nreturn_path = "news+*@*"\n')
    run("--config", config, "sent", "import", "--postfix", log)
    (row,) = run("sent", "counts", "--json", "--since", "3650d").rows
    assert row["stream"] == "letters"
