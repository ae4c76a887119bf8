"""The words by which many systems refuse are judged as people who know them would."""

import tomllib
from pathlib import Path

import pytest

from dsnwatch.reading.classify import classify
from dsnwatch.rfc.status_code import codes
from tests.reading.builders import READER, a_recipient, a_report

SYSTEMS = tomllib.loads(Path(__file__).with_name("replies.toml").read_text(encoding="utf-8"))
REPLIES = [
    pytest.param(system.get("host"), text, reasons, id=f"{system['name']}-{number}")
    for system in SYSTEMS["system"]
    for number, (reasons, text) in enumerate(system["said"], 1)
]


@pytest.mark.parametrize(("host", "text", "reasons"), REPLIES)
def test_reply_is_judged_rightly(host: str | None, text: str, reasons: str) -> None:
    reply, status = codes(text)
    said = a_recipient(text, status=status, reply_code=reply, remote_mta=host)
    verdict = classify(said, a_report([said], dialect="postfix"), READER.rules)
    assert verdict is not None
    assert verdict.reason in reasons.split(), verdict.rule


def test_every_reason_of_the_taxonomy_is_said_by_somebody() -> None:
    said = {
        reason
        for system in SYSTEMS["system"]
        for reasons, _ in system["said"]
        for reason in reasons.split()
    }
    assert said == set(READER.rules.categories)
