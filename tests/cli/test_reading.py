"""`parse`, `explain`, `events`, `quarantine`, `config` and `db`: what they show."""

from pathlib import Path

import pytest

from dsnwatch.cli.output import cells_of
from dsnwatch.reading.reader import Reader, contract
from tests.cli.builders import UNREADABLE, a_bounce, an_mbox, many_bounces
from tests.cli.conftest import Run
from tests.reading.builders import FIXTURES

HOSTILE = (
    a_bounce("anne@example.com")
    .replace(b"Subject: News", "Subject: \x1b[2J\u202eevil".encode())
    .replace(b"550 5.1.1 User unknown", b"550 5.1.1 User unknown \x1b]0;x\x07")
)


def test_parse_as_json_is_the_contract(run: Run, tmp_path: Path) -> None:
    mbox = an_mbox(tmp_path / "a.mbox", many_bounces(2))
    rows = run("parse", "--json", mbox).rows
    reader = Reader.load()
    assert rows == [
        contract(f"{mbox}#{number}", reader.read(message))
        for number, message in enumerate(many_bounces(2), start=1)
    ]


def test_parse_goes_on_behind_what_cannot_be_read(run: Run, tmp_path: Path) -> None:
    mbox = an_mbox(tmp_path / "a.mbox", [UNREADABLE, a_bounce("anne@example.com")])
    ran = run("parse", "--json", "none.eml", mbox)
    assert ran.status == 66
    assert [row["kind"] for row in ran.rows] == ["other", "bounce"]
    assert ran.rows[0]["defects"]


def test_parse_touches_no_store(run: Run, tmp_path: Path) -> None:
    run("parse", "-", stdin=a_bounce("anne@example.com"))
    assert not (tmp_path / "state").exists()


def test_parse_for_people_says_who_class_and_reason(run: Run) -> None:
    out = run("parse", "-", stdin=a_bounce("anne@example.com")).out
    assert out.startswith("-: bounce")
    assert out.splitlines()[1].split() == [
        "failed", "anne@example.com", "hard", "user_unknown", "5.1.1",
    ]  # fmt: skip


@pytest.mark.parametrize("command", ["parse", "explain"])
def test_strangers_text_commands_no_terminal(run: Run, command: str) -> None:
    for more in ((), ("--json",)):
        out = run(command, "-", *more, stdin=HOSTILE).out
        assert not set(out) & set("\x1b\x07\u202e")


def test_explain_tells_fields_rules_verdict_and_what_presets_would_do(run: Run) -> None:
    out = run("explain", "-", stdin=a_bounce("anne@example.com")).out
    for told in ("final-recipient", "rules that matched", "user_unknown", "suppress for ever"):
        assert told in out
    said = {row.split(maxsplit=1)[1] for row in out.splitlines() if row.split()[:1] == ["status"]}
    assert said == {"5.1.1"}
    for preset in ("default", "cold", "newsletter", "transactional", "mailman"):
        assert f"    {preset} " in out
    assert max(map(len, out.splitlines())) <= 80


def test_explain_marks_the_words_that_decided(run: Run) -> None:
    out = run("explain", "-", stdin=a_bounce("anne@example.com")).out
    assert "\u00ab" in out


def test_explain_takes_the_message_a_locator_names(run: Run, tmp_path: Path) -> None:
    mbox = an_mbox(tmp_path / "a.mbox", many_bounces(3))
    assert "user2@example.com" in run("explain", f"{mbox}#3").out
    first = run("explain", mbox).out
    assert "user0@example.com" in first
    assert "there are more messages" in first
    assert run("explain", f"{mbox}#4").status == 2


@pytest.mark.parametrize("message", [UNREADABLE, b"", b"Subject: hi\n\nhello\n"])
def test_explain_takes_anything(run: Run, message: bytes) -> None:
    ran = run("explain", "-", stdin=message)
    assert ran.status in {0, 2}
    assert "Traceback" not in ran.err


def test_events_are_listed_and_shown_whole(run: Run) -> None:
    run("import", "-", stdin=a_bounce("anne@example.com"))
    listed = run("events", "list").out.splitlines()
    assert listed[1].split() == ["2026-03-05", "10:00", "anne@example.com", "hard", "user_unknown"]
    (event,) = run("events", "list", "--json").rows
    assert event["id"] in run("events", "list", "--address", "anne@example.com").out
    shown = [" ".join(row.split()) for row in run("events", "show", event["id"]).out.splitlines()]
    assert "diagnostic 550 5.1.1 User unknown" in shown
    assert "action suppress" in shown
    (whole,) = run("events", "show", event["id"], "--json").rows
    assert whole == event | {"source": "-", "fingerprint": whole["fingerprint"]}


def test_events_are_narrowed_by_options(run: Run, tmp_path: Path) -> None:
    run("import", an_mbox(tmp_path / "a.mbox", many_bounces(4)))
    for options, number in (
        (("--address", "user1@EXAMPLE.com"), 1),
        (("--domain", "example.com"), 4),
        (("--domain", "example.net"), 0),
        (("--class", "hard"), 2),
        (("--reason", "mailbox_full"), 2),
        (("--kind", "delay"), 0),
        (("--stream", "x"), 0),
        (("--since", "2026-03-05", "--until", "2026-03-06"), 4),
        (("--since", "2026-03-06"), 0),
        (("--limit", 3), 3),
    ):
        assert len(run("events", "list", "--json", *options).rows) == number, options


@pytest.mark.parametrize("name", ["dsn/postfix", "dsn/exim", "ndr/qmail", "languages", "hostile"])
def test_explanation_fits_eighty_columns(run: Run, name: str) -> None:
    for path in sorted((FIXTURES / name).glob("*.eml"))[:4]:
        lines = run("explain", path).out.splitlines()
        assert lines
        assert max(map(cells_of, lines)) <= 80


def test_explanation_tells_what_is_said_besides(run: Run) -> None:
    path = FIXTURES / "dsn/postfix/several-recipients-mixed.eml"
    out = run("explain", path).out
    words = " ".join(out.split())
    assert "blocklist spamhaus-zen blocked_ip 198.51.100.61" in words
    assert "removal https://check.spamhaus.org/ list Spamhaus ZEN" in words
    (said,) = run("explain", path, "--json").rows
    assert [one["blocked_ip"] for one in said["details"]] == [None, None, "198.51.100.61", None]


def test_unknown_ids_are_wrong_usage(run: Run) -> None:
    assert run("events", "show", "nothing").status == 2
    assert run("quarantine", "show", "nothing").status == 2
    assert run("quarantine", "retry", "nothing").status == 2


def test_quarantined_message_is_shown_harmless(run: Run) -> None:
    run("import", "-", stdin=b"\x1b[2J" + UNREADABLE)
    (item,) = run("quarantine", "list", "--json").rows
    assert item["defects"]
    out = run("quarantine", "show", item["id"]).out
    assert item["id"] in out
    assert "\x1b" not in out


def test_retry_says_no_while_a_message_cannot_be_read(run: Run) -> None:
    run("import", "-", stdin=UNREADABLE)
    ran = run("quarantine", "retry")
    assert (ran.status, ran.out) == (1, "0 read, 1 still cannot be read\n")


def test_retry_has_an_answer_for_machines(run: Run) -> None:
    run("import", "-", stdin=UNREADABLE)
    (row,) = run("quarantine", "retry", "--json").rows
    assert (row["read"], row["kind"], row["events"]) == (False, "other", 0)


def test_retry_with_nothing_there_is_fine(run: Run) -> None:
    assert run("quarantine", "retry").status == 0


def test_config_check_says_that_all_is_well(run: Run, tmp_path: Path) -> None:
    assert "no configuration file" in run("config", "check").out
    (tmp_path / "c.toml").write_text("")
    assert run("--config", "c.toml", "config", "check").out == "c.toml: all is well\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[store]\nulr = "x"\n', "c.toml, line 2: unknown key 'store.ulr'"),
        ('[store]\nurl = "mysql://db/x"\n', "store: databases of the kind 'mysql' are not known"),
        ('[rules]\ndirectory = "none"\n', "c.toml, line 2: rules.directory: none is no folder"),
        (
            '[store]\nurl = "postgresql://me@db.example.net/x"\npassword_file = "pw"\n',
            "c.toml, line 3: store.password_file: pw cannot be read",
        ),
    ],
)
def test_config_check_finds_what_is_wrong(run: Run, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "c.toml").write_text(text)
    ran = run("config", "check", "--config", "c.toml")
    assert ran.status == 2
    assert ran.err.startswith(f"dsnwatch: {said}")


def test_config_show_has_every_option_and_no_password(run: Run, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('[store]\nurl = "postgresql://me:secret@db.example.net/x"\n')
    for more in ((), ("--json",)):
        out = run("--config", "c.toml", "config", "show", *more).out
        assert "secret" not in out
        assert "postgresql://me:***@db.example.net/x" in out
        assert "c.toml, line 2" in out
        assert "raw_messages" in out


def test_db_upgrade_makes_the_store(run: Run, tmp_path: Path) -> None:
    assert run("db", "upgrade", "--store", "s.db").out == "s.db: up to date\n"
    assert (tmp_path / "s.db").exists()
