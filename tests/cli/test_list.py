"""`dsnwatch list check`: people looked through before a campaign."""

import csv
import io
from pathlib import Path

import pytest

from tests.cli.builders import a_bounce
from tests.cli.conftest import Run
from tests.servers.dns import a_dns_server

PEOPLE = """\
Name,E-Mail,Phone
Anne,anne@example.com,+491234
Bob,Bob@Example.com,=1+1
Carl,carl@gmial.com,
Dora,dora@@example.com,x
Info,info@example.com,
Eve,eve@null.example,
Fred,fred@nothing.example,
Gina,gina@thrown.example,
"""


@pytest.fixture
def people(run: Run) -> Path:
    run("import", "-", stdin=a_bounce("anne@example.com"))
    path = Path("people.csv")
    path.write_text(PEOPLE)
    Path("sent.csv").write_text(
        "time,recipient,delivered\n2026-03-01T10:00:00Z,bob@example.com,yes\n"
    )
    run("sent", "import", "sent.csv")
    return path


def rows(path: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(Path(path).read_text())))


def test_list_is_sorted_into_clean_and_rejected(run: Run, people: Path) -> None:
    ran = run("list", "check", people, "--clean", "c.csv", "--rejected", "r.csv", "--json")
    assert ran.status == 0, ran.err
    (told,) = ran.rows
    assert (told["rows"], told["clean"], told["rejected"]) == (8, 5, 3)
    assert told["found"] == {"suppressed": 1, "typo": 1, "syntax": 1, "role": 1}
    clean = rows("c.csv")
    assert clean[0] == ["Name", "E-Mail", "Phone"]
    assert [row[0] for row in clean[1:]] == ["Bob", "Info", "Eve", "Fred", "Gina"]
    assert clean[1] == ["Bob", "Bob@Example.com", "=1+1"]
    bad = rows("r.csv")
    assert bad[0] == [
        "Name",
        "E-Mail",
        "Phone",
        "dsnwatch_why",
        "dsnwatch_detail",
        "dsnwatch_alive",
    ]
    assert bad[1] == ["Anne", "anne@example.com", "'+491234", "suppressed", "user_unknown", ""]
    assert bad[2][3:5] == ["typo", "carl@gmail.com?"]
    assert bad[3][3] == "syntax"


def test_dns_and_a_list_of_ones_own_find_more(run: Run, people: Path) -> None:
    Path("disposable.txt").write_text("# mine\nThrown.example\n")
    zones = {
        "example.com": {"MX": ["10 mail.example."]},
        "null.example": {"MX": ["0 ."]},
        "thrown.example": {"A": ["192.0.2.1"]},
        "gmial.com": {"A": ["192.0.2.1"]},
    }
    with a_dns_server(zones) as server:
        at = "{}:{}".format(*server.address)
        ran = run(
            "list", "check", people, "--rejected", "r.csv", "--json",
            "--dns-server", at, "--disposable", "disposable.txt",
        )  # fmt: skip
    found = ran.rows[0]["found"]
    assert (found["null_mx"], found["no_domain"], found["disposable"]) == (1, 1, 1)
    assert {row[0]: row[3] for row in rows("r.csv")[1:]} == {
        "Anne": "suppressed", "Carl": "typo", "Dora": "syntax", "Eve": "null_mx",
        "Fred": "no_domain", "Gina": "disposable",
    }  # fmt: skip


def test_what_is_sorted_out_is_the_persons_to_say(run: Run, people: Path) -> None:
    (told,) = run("list", "check", people, "--keep", "typo", "--reject", "role", "--json").rows
    assert told["rejected"] == 3
    ran = run("list", "check", people, "--keep", "typos")
    assert ran.status == 2
    assert "there are suppressed, syntax" in ran.err


def test_summary_is_for_people(run: Run, people: Path) -> None:
    ran = run("list", "check", people)
    assert "8 rows: 5 clean, 3 rejected" in ran.out
    assert "nobody's own" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


def test_who_took_mail_has_not_mistyped_it(run: Run) -> None:
    Path("sent.csv").write_text(
        "time,recipient,delivered\n2026-03-01T10:00:00Z,carl@gmial.com,yes\n"
    )
    run("sent", "import", "sent.csv")
    (told,) = run("list", "check", "-", "--json", stdin=b"carl@gmial.com\n").rows
    assert (told["clean"], told["alive"]["never"]) == (1, 0)


def test_stream_decides_who_is_suppressed(run: Run) -> None:
    run("suppressions", "add", "anne@example.com", "--stream", "news")
    (told,) = run("list", "check", "-", "--json", stdin=b"anne@example.com\n").rows
    assert told["clean"] == 1
    (told,) = run(
        "list", "check", "-", "--stream", "news", "--json", stdin=b"anne@example.com\n"
    ).rows
    assert told["clean"] == 0


def test_whoever_was_forgotten_is_found(run: Run) -> None:
    run("forget", "anne@example.com", "--block")
    (told,) = run("list", "check", "-", "--json", stdin=b"anne@example.com\n").rows
    assert told["found"] == {"suppressed": 1}


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (b"anne@example.com\nbob@example.com\n", 2),
        (b"\xef\xbb\xbfemail;x\r\nanne@example.com;1\r\n", 1),
        (b"", 0),
    ],
)
def test_lists_of_any_shape(run: Run, text: bytes, clean: int) -> None:
    ran = run("list", "check", "-", "--json", "--clean", "c", stdin=text)
    assert (ran.status, ran.rows[0]["clean"]) == (0, clean)


def test_row_that_cannot_be_read_is_told(run: Run) -> None:
    ran = run("list", "check", "-", "--json", stdin=b'email\n"a"x\nanne@example.com\n')
    assert ran.status == 65
    assert ran.rows[0]["clean"] == 1
    assert "line 2" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [("--column", "nothing"), ("--dns-server", "x"), ("--dns-time", "soon")],
)
def test_wrong_option_is_refused(run: Run, people: Path, arguments: tuple[str, str]) -> None:
    assert run("list", "check", people, "--dns-server", "127.0.0.1", *arguments).status == 2


def test_files_appear_whole_or_not_at_all(run: Run, people: Path) -> None:
    Path("c.csv").write_text("old")
    ran = run("list", "check", people, "--clean", "c.csv", "--rejected", "none/r.csv")
    assert ran.status == 74
    assert Path("c.csv").read_text() == "old"
    assert not [*Path().glob(".*.part")]


def test_dns_may_not_take_for_ever(run: Run) -> None:
    with a_dns_server({}) as server:
        ran = run(
            "list", "check", "-", "--json", "--dns-time", "0s",
            "--dns-server", "{}:{}".format(*server.address), stdin=b"anne@example.com\n",
        )  # fmt: skip
    assert ran.rows[0]["found"] == {"dns_unknown": 1}
    assert ran.rows[0]["clean"] == 1
