"""What a real Postfix logs of its deliveries, taken in by `dsnwatch sent import`."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.servers.postfix import Postfix, refusing_mx

from .builders import a_bounce
from .conftest import Run

pytestmark = pytest.mark.server

ANNE, BOB = "anne@example.net", "bob@example.net"


@pytest.fixture(scope="module")
def log() -> str:
    """Let a Postfix send a message that Anne's host takes and that one refuses for Bob.

    Its log is as it wrote it, but for the address of the other host: that is this very machine
    here, and what this machine hands to itself shows nothing. The report to the sender stays here,
    as it does where his mailbox is: it is not mail that was sent.
    """
    stays = "transport_maps = inline:{ sender.test=discard: }"
    with (
        refusing_mx(known={ANNE}) as mx,
        Postfix.running(f"relayhost = [127.0.0.1]:{mx}\n{stays}\n") as postfix,
    ):
        data = b"Message-ID: <1@sender.test>\r\nSubject: News\r\n\r\nHello\r\n"
        postfix.send("news@sender.test", [ANNE, BOB], data)
        for _ in range(600):
            text = postfix.log
            if text.count(": removed") == 2:  # the message, and the report of Bob's failure
                break
            time.sleep(0.05)
        assert text.count(": removed") == 2, text
    return text.replace("relay=127.0.0.1[127.0.0.1]", "relay=mx.example.net[192.0.2.25]").replace(
        "host 127.0.0.1[127.0.0.1]", "host mx.example.net[192.0.2.25]"
    )


def as_rfc_3339(line: str) -> str:
    """Write a line as rsyslog does."""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')[:-2]}:00{line[15:]}"


def as_journal(line: str) -> str:
    """Write a line as `journalctl -o json` does."""
    host, program, text = line[16:].split(" ", 2)
    return json.dumps(
        {
            "__REALTIME_TIMESTAMP": str(int(time.time() * 1e6)),
            "_HOSTNAME": host,
            "SYSLOG_IDENTIFIER": program.partition("[")[0],
            "MESSAGE": text,
        }
    )


@pytest.mark.parametrize("how", [str, as_rfc_3339, as_journal])
def test_whoever_took_it_lives_and_whoever_did_not_is_suppressed(
    run: Run, log: str, how: Callable[[str], str]
) -> None:
    text = "".join(f"{how(line)}\n" for line in log.splitlines())
    for new in (2, 0):
        ran = run("sent", "import", "--postfix", "--json", "-", stdin=text.encode())
        assert ran.status == 0, ran.err
        (told,) = ran.rows
        assert told["facts"] == 2, text
        assert (told["messages"], told["events"], told["suppressed"]) == (new, new // 2, new // 2)
    assert run("check", BOB).status == 1
    assert run("check", ANNE).status == 0
    (event,) = run("events", "list", "--json").rows
    assert (event["reason"], event["class"], event["status"]) == ("user_unknown", "hard", "5.1.1")
    assert event["recipient"] == BOB


def test_the_report_of_the_same_failure_counts_once(run: Run, log: str) -> None:
    Path("mail.log").write_text(log)
    run("sent", "import", "--postfix", "mail.log")

    same = a_bounce(BOB).replace(b"original1@example.org", b"1@sender.test")
    run("import", "-", stdin=same)
    assert len(run("events", "list", "--json").rows) == 1
