"""`dsnwatch hooks`: who is told, who is not, and what a person can do about it."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dsnwatch.config.loading import load
from dsnwatch.events import EVENTS
from dsnwatch.hooks import open_hook
from dsnwatch.outbox import AGAIN_AFTER, Worker
from dsnwatch.store import open_store
from tests.cli.builders import a_bounce
from tests.cli.conftest import Run
from tests.hooks.builders import Receiver, a_receiver

CONFIG = Path("etc/dsnwatch.toml")
STORE = "state/dsnwatch/dsnwatch.db"


def configure(text: str) -> None:
    CONFIG.parent.mkdir(exist_ok=True)
    CONFIG.write_text(text)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as receiver:
        configure(
            f'[[hook]]\nname = "crm"\nkind = "webhook"\nurl = "{receiver.url}?key=t0ken"\n'
            'allow_private = true\nevents = ["*", "mail.*"]\n'
        )
        yield receiver


def work(days: float = 0) -> None:
    """Let a worker do what is due in so many days."""
    now = datetime.now(UTC)
    configuration = load(CONFIG)
    section = configuration.settings.hook[0]
    with (
        closing(open_store(STORE)) as store,
        closing(open_hook(section, configuration, 0)) as hook,
    ):
        for step in range(max(int(days * 24), 1)):
            later = now + timedelta(hours=step)
            worker = Worker(store, section.name, hook, clock=lambda later=later: later)  # type: ignore[misc]  # mypy takes the default for an argument
            while worker.turn():
                pass


def listed(run: Run) -> dict[str, dict[str, Any]]:
    return {row["hook"]: row for row in run("hooks", "list", "--json").rows}


def test_without_hooks_it_says_how_to_set_one_up(run: Run) -> None:
    assert "dsnwatch docs hooks" in run("hooks", "list").err


@pytest.mark.usefixtures("receiver")
def test_what_waits_is_counted(run: Run) -> None:
    run("import", "-", stdin=a_bounce("anne@example.com"))
    ran = run("hooks", "list")
    assert ran.out.splitlines()[1].split() == ["crm", "webhook", "well", "2", "0", "0"]
    row = listed(run)["crm"]
    assert (row["waiting"], row["dead"], row["state"]) == (2, 0, "well")


def test_what_was_told_is_counted(run: Run, receiver: Receiver) -> None:
    run("import", "-", stdin=a_bounce("anne@example.com"))
    work()
    types = [json.loads(request.body)["type"] for request in receiver.requests]
    assert types == ["bounce.hard", "suppression.added"]
    row = listed(run)["crm"]
    assert (row["waiting"], row["told"]) == (0, 2)
    assert row["told_last"] is not None


def test_why_it_failed_is_shown_without_secrets(run: Run, receiver: Receiver) -> None:
    receiver.status = 500
    run("import", "-", stdin=a_bounce("anne@example.com"))
    work()
    out = run("hooks", "list").out
    assert "failing" in out
    assert f"http://127.0.0.1:{receiver.port} answered 500 Internal Server Error" in out
    assert "t0ken" not in out
    assert "t0ken" not in run("config", "show").out
    receiver.status = 410
    run("hooks", "resume", "crm")
    work(days=1)
    assert "410 Gone" in run("hooks", "dead", "crm").out
    for file in Path(STORE).parent.iterdir():
        assert b"t0ken" not in file.read_bytes()


def test_what_could_not_be_told_is_listed_and_told_again(run: Run, receiver: Receiver) -> None:
    receiver.status = 410
    run("import", "-", stdin=a_bounce("anne@example.com"))
    work()
    ids = [row["id"] for row in run("hooks", "dead", "--json").rows]
    assert len(ids) == 2
    shown = run("hooks", "dead", "crm").out
    assert "anne@example.com" in shown
    assert "410 Gone" in shown
    receiver.status, receiver.requests = 204, []
    assert run("hooks", "replay", "crm").out == "crm: 2 events will be told again\n"
    assert run("hooks", "dead").err == "dsnwatch: nothing; everybody was told\n"
    work()
    assert [json.loads(request.body)["id"] for request in receiver.requests] == ids
    assert run("hooks", "replay", "crm").status == 1


def test_one_dead_letter_alone_is_told_again(run: Run, receiver: Receiver) -> None:
    receiver.status = 410
    run("import", "-", stdin=a_bounce("anne@example.com"))
    work()
    first, second = [row["id"] for row in run("hooks", "dead", "--json").rows]
    assert run("hooks", "replay", "crm", second).status == 0
    assert [row["id"] for row in run("hooks", "dead", "--json").rows] == [first]
    ran = run("hooks", "replay", "crm", "absent")
    assert (ran.status, "no dead letter 'absent'" in ran.err) == (2, True)


def test_after_two_days_of_failures_it_is_dead(run: Run, receiver: Receiver) -> None:
    receiver.status = 400
    run("import", "-", stdin=a_bounce("anne@example.com"))
    work(days=2.5)
    (letter,) = [row for row in run("hooks", "dead", "--json").rows if row["id"][-6:] != "-added"]
    assert letter["attempts"] == len(AGAIN_AFTER) + 1
    assert letter["event"]["data"]["recipient"] == "anne@example.com"


def test_a_hook_that_came_later_is_told_what_happened(run: Run) -> None:
    run("import", "-", stdin=a_bounce("anne@example.com"))
    run("import", "-", stdin=a_bounce("bob@example.com", reason="mailbox_full", number=2))
    run("suppressions", "add", "carl@example.com", "--because", "phoned")
    run("suppressions", "add", "dora@example.com")
    run("suppressions", "remove", "dora@example.com", "--because", "back")
    events = {row["id"]: row["recipient"] for row in run("events", "list", "--json").rows}
    with a_receiver() as receiver:
        configure(
            f'[[hook]]\nname = "crm"\nkind = "webhook"\nurl = "{receiver.url}"\n'
            "allow_private = true\n"
        )
        assert run("hooks", "replay", "crm", "--since", "2026-01-01").status == 0
        work()
        told = [json.loads(request.body) for request in receiver.requests]
    by_address: dict[str, list[tuple[str, str]]] = {}
    for each in told:
        by_address.setdefault(each["data"]["recipient"], []).append((each["type"], each["id"]))
    anne, bob = events
    assert by_address["anne@example.com"] == [
        ("bounce.hard", anne),
        ("suppression.added", f"{anne}-added"),
    ]
    assert by_address["bob@example.com"] == [("bounce.soft", bob)]
    ((type_, _),) = by_address["carl@example.com"]
    assert type_ == "suppression.added"
    assert "dora@example.com" not in by_address


@pytest.mark.usefixtures("receiver")
def test_what_happened_is_told_within_bounds(run: Run) -> None:
    run("import", "-", stdin=a_bounce("anne@example.com"))
    run("hooks", "drop", "crm", "--because", "test")
    assert run("hooks", "replay", "crm", "--since", "2026-03-06").status == 1
    assert (
        run("hooks", "replay", "crm", "--since", "2026-03-01", "--until", "2026-03-05").status == 1
    )
    assert run("hooks", "replay", "crm", "--since", "2026-03-05").status == 0
    assert run("hooks", "replay", "crm", "--until", "2026-03-05").status == 2


def test_paused_nothing_is_told_and_resumed_it_is(run: Run, receiver: Receiver) -> None:
    assert run("hooks", "pause", "crm", "--because", "holiday").out == "crm: paused\n"
    run("import", "-", stdin=a_bounce("anne@example.com"))
    work()
    assert receiver.requests == []
    assert listed(run)["crm"]["state"] == "paused"
    assert run("hooks", "resume", "crm").out == "crm: goes on\n"
    work()
    assert len(receiver.requests) == 2
    with closing(sqlite3.connect(STORE)) as connection:
        audit = connection.execute("SELECT verb, subject, because FROM audit").fetchall()
    assert ("hook.pause", "crm", "holiday") in audit
    assert ("hook.resume", "crm", "") in audit


@pytest.mark.usefixtures("receiver")
def test_a_hook_that_is_configured_no_more_is_shown_and_can_be_dropped(run: Run) -> None:
    run("import", "-", stdin=a_bounce("anne@example.com"))
    configure("")
    row = listed(run)["crm"]
    assert (row["state"], row["waiting"]) == ("not configured", 2)
    ran = run("hooks", "drop", "crm", "--because", "given up")
    assert ran.out == "crm: 2 events let go of\n"
    assert listed(run) == {}
    assert run("hooks", "drop", "crm", "--because", "again").status == 2


@pytest.mark.parametrize("event", EVENTS)
def test_a_hook_is_tried_with_an_event_that_never_happened(
    run: Run, receiver: Receiver, event: str
) -> None:
    ran = run("hooks", "test", "crm", "--event", event)
    assert (ran.status, ran.err) == (0, "")
    (request,) = receiver.requests
    said = json.loads(request.body)
    assert said["type"] == event
    assert request.headers["webhook-id"] == said["id"]
    assert "hooks test" in json.dumps(said)
    assert not Path(STORE).exists()


def test_a_hook_that_fails_its_test_says_why(run: Run, receiver: Receiver) -> None:
    receiver.status = 401
    ran = run("hooks", "test", "crm")
    assert ran.status == 69
    assert ran.err == f"dsnwatch: http://127.0.0.1:{receiver.port} answered 401 Unauthorized\n"


def test_what_would_be_told_is_shown_and_nobody_told(run: Run, receiver: Receiver) -> None:
    ran = run("hooks", "test", "crm", "--show", "--address", "Anne@Example.com")
    assert json.loads(ran.out)["data"]["recipient"] == "anne@example.com"
    assert receiver.requests == []


@pytest.mark.usefixtures("receiver")
@pytest.mark.parametrize("command", ["test", "replay", "pause", "resume"])
def test_a_hook_there_is_none_of_is_named_with_the_nearest(run: Run, command: str) -> None:
    ran = run("hooks", command, "cmr")
    assert (ran.status, ran.err) == (2, "dsnwatch: no hook 'cmr'; did you mean 'crm'?\n")


URL = 'kind = "webhook"\nurl = "https://a.test"\n'


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ('kind = "webhok"', "'webhok' is no kind of hook; did you mean 'webhook'?"),
        ('kind = "webhook"', 'kind = "webhook" needs either url or url_file'),
        ('kind = "exec"', 'kind = "exec" needs command'),
        ('kind = "exec"\ncommand = ["a"]\nurl = "https://a.test"', "url is for webhook only"),
        (URL + 'events = ["bounce"]', "'bounce' is no event"),
        (URL + 'classes = ["hrd"]', "'hrd' is none of"),
        (URL + 'reasons = ["user_unknwon"]', "did you mean 'user_unknown'"),
        (URL + 'format = "ses"\nevents = ["alert.*"]', "has no word"),
        (URL + 'secret_file = "absent"', "secret_file"),
        (URL + 'format = "mailgun"', "needs secret_file"),
    ],
    ids=lambda value: value[-40:],
)  # fmt: skip
def test_a_section_that_cannot_work_is_found_by_config_check(
    run: Run, section: str, said: str
) -> None:
    configure(f'[[hook]]\nname = "crm"\n{section}\n')
    ran = run("config", "check")
    assert ran.status == 2
    assert said in ran.err


def test_sections_that_can_work_pass_config_check(run: Run) -> None:
    configure(
        '[[hook]]\nname = "a"\nkind = "webhook"\nurl = "https://a.test"\nclasses = ["hard"]\n'
        'reasons = ["user_unknown", "manual"]\n'
        '[[hook]]\nname = "b"\nkind = "exec"\ncommand = ["true"]\n'
        '[[hook]]\nname = "c"\nkind = "file"\npath = "x"\n'
        '[[hook]]\nname = "d"\nkind = "smtp"\nserver = "a"\nsender = "a@b.test"\n'
        'to = ["c@d.test"]\n'
    )
    assert run("config", "check").status == 0


def test_two_hooks_of_one_name_are_refused(run: Run) -> None:
    section = '[[hook]]\nname = "crm"\nkind = "exec"\ncommand = ["true"]\n'
    configure(section * 2)
    assert "two are called 'crm'" in run("config", "check").err
