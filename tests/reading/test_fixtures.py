"""Every message in `fixtures/` is read as the answer beside it says; see `fixtures/README.md`."""

import mailbox
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dsnwatch.model import Action, BounceClass, Kind, RecipientStatus, Verdict
from tests.reading.builders import FIXTURES, MESSAGES, READER, answer_of, reading_of, short

DEMO = FIXTURES / "demo.mbox"
ANSWERS = sorted(path for path in FIXTURES.rglob("*.toml") if path != DEMO.with_suffix(".toml"))
KEYS = frozenset({"origin", "licence", "kind", "dialect", "defects", "recipient"})
RECIPIENT_KEYS = frozenset(
    {"recipient", "original_recipient", "final_recipient", "action", "status", "reply_code",
     "permanent", "class", "reason", "fault", "remote_mta"}
)  # fmt: skip
READABLE = [path for path in MESSAGES if path.with_suffix(".toml").exists()]
each_message = pytest.mark.parametrize("path", READABLE, ids=short)


def facts(one: RecipientStatus, verdict: Verdict | None) -> dict[str, Any]:
    """Put what was read of one recipient into the words of the answers."""
    status = verdict.status if verdict else one.status
    return {
        "recipient": one.recipient,
        "original_recipient": one.original_recipient,
        "final_recipient": one.final_recipient,
        "action": one.action.value,
        "status": str(status) if status else None,
        "reply_code": verdict.reply_code if verdict else one.reply_code,
        "permanent": verdict.permanent if verdict else None,
        "class": verdict.bounce_class.value if verdict else None,
        "reason": verdict.reason if verdict else None,
        "fault": verdict.fault.value if verdict else None,
        "remote_mta": one.remote_mta,
    }


def address_in(told: dict[str, Any]) -> str:
    """Return the address by which an answer names a recipient."""
    return str(told.get("recipient") or told["final_recipient"])


def test_there_are_sixty_messages_and_more() -> None:
    assert len(MESSAGES) >= 60


def test_every_message_has_an_answer_and_every_answer_a_message() -> None:
    assert [path.with_suffix("") for path in MESSAGES] == [path.with_suffix("") for path in ANSWERS]


@each_message
def test_the_answer_is_written_in_the_words_of_the_readme(path: Path) -> None:
    answer = answer_of(path)
    assert set(answer) <= KEYS
    assert {"origin", "licence", "kind"} <= set(answer)
    for told in answer.get("recipient", ()):
        assert set(told) <= RECIPIENT_KEYS
        assert {"recipient", "final_recipient"} & set(told)
        if "reason" in told:
            category = READER.rules.categories[told["reason"]]
            assert told.get("class", category.bounce_class) == category.bounce_class
            assert told.get("fault", category.fault) == category.fault


@each_message
def test_its_kind_is_told(path: Path) -> None:
    assert reading_of(path).report.kind.value == answer_of(path)["kind"]


@each_message
def test_the_server_that_wrote_it_is_known(path: Path) -> None:
    written_by = answer_of(path).get("dialect")
    if written_by in READER.rules.dialects.by_id:
        assert reading_of(path).report.dialect == written_by


@each_message
def test_its_recipients_are_found_and_nobody_else(path: Path) -> None:
    wanted: list[dict[str, Any]] = answer_of(path).get("recipient", [])
    read = reading_of(path).report.recipients
    asked = [*wanted, *[{}] * len(read)]
    found = [
        one.recipient if "recipient" in told else one.final_recipient
        for one, told in zip(read, asked, strict=False)
    ]
    assert found == [address_in(told) for told in wanted]


@each_message
def test_each_recipient_is_told_of_and_judged_as_the_answer_says(path: Path) -> None:
    reading = reading_of(path)
    by_address: dict[str | None, list[dict[str, Any]]] = {}
    for one, verdict in zip(reading.report.recipients, reading.verdicts, strict=True):
        known = facts(one, verdict)
        for name in dict.fromkeys((known["recipient"], known["final_recipient"])):
            by_address.setdefault(name, []).append(known)
    wanted, got = [], []
    for told in answer_of(path).get("recipient", ()):
        known = next(
            (
                known
                for known in by_address.get(address_in(told), ())
                if known["final_recipient"] == told.get("final_recipient", known["final_recipient"])
            ),
            {},
        )
        wanted.append(told)
        got.append({key: known.get(key) for key in told})
    assert got == wanted, [verdict and verdict.rule for verdict in reading.verdicts]


@each_message
def test_what_is_wrong_with_it_is_recorded(path: Path) -> None:
    if "defects" in answer_of(path):
        assert bool(reading_of(path).report.defects) is answer_of(path)["defects"]


@pytest.mark.parametrize(
    "path", [path for path in READABLE if path.parent.name != "hostile"], ids=short
)
def test_line_ends_do_not_change_what_is_read(path: Path) -> None:
    lines = path.read_bytes().replace(b"\r\n", b"\n")
    found = READER.read(lines)
    print_ = "" if b"\r" in lines else found.fingerprint
    assert READER.read(lines.replace(b"\n", b"\r\n")) == found._replace(fingerprint=print_)


def the_demo() -> list[bytes]:
    box = mailbox.mbox(DEMO, create=False)
    try:
        return [message.as_bytes() for message in box]
    finally:
        box.close()


def the_demo_answer() -> dict[str, Any]:
    return tomllib.loads(DEMO.with_suffix(".toml").read_text(encoding="utf-8"))


def test_the_demo_has_as_many_messages_as_it_says() -> None:
    assert len(the_demo()) == the_demo_answer()["messages"] >= 200


def test_the_demo_holds_each_kind_as_often_as_it_says() -> None:
    kinds = Counter(READER.read(data).report.kind.value for data in the_demo())
    assert dict(kinds) == the_demo_answer()["kinds"]


def test_the_demo_names_those_who_are_gone_for_good() -> None:
    readings = [READER.read(data) for data in the_demo()]
    gone = {
        one.recipient
        for reading in readings
        for one, verdict in zip(reading.report.recipients, reading.verdicts, strict=True)
        if verdict is not None
        and one.action is Action.FAILED
        and verdict.bounce_class is BounceClass.HARD
    }
    assert sorted(gone) == sorted(the_demo_answer()["suppressed"]["hard"])


@pytest.mark.parametrize("kind", [Kind.COMPLAINT, Kind.UNSUBSCRIBE])
def test_the_demo_names_those_who_want_no_more(kind: Kind) -> None:
    readings = [READER.read(data) for data in the_demo()]
    named = {
        one.recipient
        for reading in readings
        if reading.report.kind is kind
        for one in reading.report.recipients
    }
    assert sorted(named) == sorted(the_demo_answer()["suppressed"][kind.value])


def test_the_demo_has_no_message_that_cannot_be_read() -> None:
    readings = [READER.read(data) for data in the_demo()]
    unread = [
        reading.report.defects
        for reading in readings
        if reading.report.kind is Kind.OTHER and reading.report.defects
    ]
    assert unread == []
