"""Signed return paths from the command line, and the sender's side run for real."""

import json
import shutil
import smtplib
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dsnwatch.cli.verp import SNIPPETS
from dsnwatch.config.loading import load
from dsnwatch.model import Trust
from dsnwatch.rfc.return_path import Validity, check, keys_of
from tests.hooks.mail import Mail, MailServer, a_mail_server
from tests.lookup.builders import a_free_port
from tests.lookup.postfix import a_postfix, needed
from tests.servers.daemon import running
from tests.servers.exim import exim, settings

from .builders import a_bounce
from .conftest import Run

ANNE = "anne@example.com"
PEOPLE = (
    ANNE,
    "Bob.Builder@Example.COM",
    f"{'long' * 9}@a-rather-long-domain.example.org",
    "user+tag@example.com",
    '"quoted.local"@example.com',
    "o'brien@example.com",
    "dotless@localhost",
)


@pytest.fixture
def configured(tmp_path: Path) -> Path:
    path = tmp_path / "dsnwatch.toml"
    path.write_text('[return_path]\nkey_file = "keys"\ndomain = "bounce.example.org"\n')
    return path


@pytest.fixture
def rotated(configured: Path, run: Run) -> Path:
    assert run("--config", configured, "verp", "key", "rotate").status == 0
    return configured


def written(run: Run, configured: Path, name: str, place: Path) -> Path:
    """Write a snippet to a file."""
    ran = run("--config", configured, "verp", "snippet", name)
    assert ran.status == 0, ran.err
    place.write_text(ran.out)
    return place


def verified(configured: Path, path: str) -> str | None:
    """Give whom a return path names; it must be a valid one, made today or a moment before."""
    found = check(path, load(configured).return_path_keys(), datetime.now(UTC).date())
    assert found.validity is Validity.VALID, path
    assert found.path is not None
    return found.path.recipient


def agree(run: Run, configured: Path, made: Sequence[str]) -> None:
    """See that somebody else made the return paths that we make."""
    assert len(made) == len(PEOPLE)
    for person, path in zip(PEOPLE, made, strict=True):
        ours = run("--config", configured, "verp", "make", person).out.strip()
        assert path == ours
        verified(configured, path)


def test_a_return_path_is_made_and_checked(run: Run, rotated: Path) -> None:
    made = run("--config", rotated, "verp", "make", ANNE).out.strip()
    assert made.startswith("bounces+anne=example.com.")
    assert made.endswith("@bounce.example.org")
    ran = run("--config", rotated, "verp", "check", "--json", made)
    assert ran.status == 0
    assert (ran.rows[0]["validity"], ran.rows[0]["recipient"]) == ("valid", ANNE)
    assert f"about {ANNE}" in run("--config", rotated, "verp", "check", made).out


@pytest.mark.parametrize(
    ("change", "validity"),
    [
        (lambda path: path.replace("anne", "bob"), "forged"),
        (lambda path: path.replace("bounces+", "others-"), "unsigned"),
        (lambda _: "bounces+anne=example.com@bounce.example.org", "unsigned"),
    ],
)
def test_what_is_not_ours_is_told(run: Run, rotated: Path, change: object, validity: str) -> None:
    assert callable(change)
    made = run("--config", rotated, "verp", "make", ANNE).out.strip()
    ran = run("--config", rotated, "verp", "check", "--json", change(made))
    assert ran.status == 1
    assert ran.rows[0]["validity"] == validity
    assert run("--config", rotated, "verp", "check", change(made)).status == 1


def test_an_id_of_ones_own_can_be_signed(run: Run, rotated: Path) -> None:
    made = run("--config", rotated, "verp", "make", ANNE, "--id", "42").out.strip()
    (told,) = run("--config", rotated, "verp", "check", "--json", made).rows
    assert (told["id"], told["recipient"]) == ("42", None)


def test_the_key_before_still_verifies(run: Run, rotated: Path, tmp_path: Path) -> None:
    made = run("--config", rotated, "verp", "make", ANNE).out.strip()
    assert run("--config", rotated, "verp", "key", "rotate").status == 0
    assert run("--config", rotated, "verp", "check", made).status == 0
    keys = keys_of((tmp_path / "keys").read_text())
    assert [key.id for key in keys] == ["b", "a"]
    assert len(keys[0].secret) == 32
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o600


def test_a_key_whose_return_paths_are_still_good_is_not_thrown_away(
    run: Run, rotated: Path, tmp_path: Path
) -> None:
    run("--config", rotated, "verp", "key", "rotate")
    refused = run("--config", rotated, "verp", "key", "rotate")
    assert refused.status == 2
    assert "may come back until" in refused.err
    keys = tmp_path / "keys"
    long_ago = (datetime.now(UTC).date() - timedelta(days=16)).isoformat()
    keys.write_text(keys.read_text().replace(datetime.now(UTC).date().isoformat(), long_ago))
    assert run("--config", rotated, "verp", "key", "rotate").status == 0
    assert run("--config", rotated, "verp", "key", "rotate", "--force").status == 0
    assert [key.id for key in keys_of(keys.read_text())] == ["a", "c"]


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        ("", ["verp", "make", ANNE], "no key file is configured"),
        ("", ["verp", "key", "rotate"], "no key file is configured"),
        ('[return_path]\nkey_file = "keys"\n', ["verp", "make", ANNE], "cannot be read"),
        ('[return_path]\nkey_file = "bad"\n', ["verp", "check", ANNE], "line 1 is no key"),
        ("", ["verp", "snippet", "python"], "--domain"),
        ("", ["verp", "snippet", "cobol"], "no snippet 'cobol'"),
    ],
)
def test_what_is_missing_is_said_in_a_line(
    run: Run, tmp_path: Path, text: str, arguments: list[str], said: str
) -> None:
    path = tmp_path / "dsnwatch.toml"
    path.write_text(text)
    (tmp_path / "bad").write_text("secret!")
    ran = run("--config", path, *arguments)
    assert ran.status == 2
    assert said in ran.err
    assert "secret!" not in ran.err


@pytest.mark.parametrize("address", ["anne", "@example.com", "anne@"])
def test_only_an_address_has_a_return_path(run: Run, rotated: Path, address: str) -> None:
    assert run("--config", rotated, "verp", "make", address).status == 2


# The sender's side


def test_every_snippet_is_filled_in(run: Run, rotated: Path) -> None:
    for name in SNIPPETS:
        text = run("--config", rotated, "verp", "snippet", name, "--prefix", "b").out
        assert text
        assert "@PREFIX@" not in text
        assert "@KEY_FILE@" not in text


def test_the_function_in_python_makes_what_we_make(run: Run, rotated: Path, tmp_path: Path) -> None:
    script = written(run, rotated, "python", tmp_path / "return_path.py")
    people = (*PEOPLE, "anne@b\u00fccher.example", "\u00e4nne@example.com")
    made = []
    for person in people:
        done = subprocess.run(  # noqa: S603  our own interpreter
            [sys.executable, script, person], capture_output=True, text=True, check=True
        )
        made.append(done.stdout.strip())
    agree(run, rotated, made[: len(PEOPLE)])
    for path in made[len(PEOPLE) :]:
        verified(rotated, path)


def test_the_function_in_php_makes_what_we_make(run: Run, rotated: Path, tmp_path: Path) -> None:
    php = shutil.which("php")
    if php is None:
        pytest.skip("PHP is not installed (Debian: php-cli)")
    written(run, rotated, "php", tmp_path / "return_path.php")
    (tmp_path / "all.php").write_text(
        "<?php require 'return_path.php';\n"
        'foreach (json_decode(stream_get_contents(STDIN)) as $one) echo return_path($one), "\\n";'
    )
    done = subprocess.run(  # noqa: S603  as above
        [php, "all.php"],
        input=json.dumps(PEOPLE), capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    agree(run, rotated, done.stdout.splitlines())


def test_the_function_in_node_makes_what_we_make(run: Run, rotated: Path, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not installed (Debian: nodejs)")
    written(run, rotated, "node", tmp_path / "return_path.js")
    code = (
        "const { returnPath } = require('./return_path.js');"
        "for (const one of JSON.parse(process.argv[1])) console.log(returnPath(one))"
    )
    done = subprocess.run(  # noqa: S603  as above
        [node, "-e", code, json.dumps(PEOPLE)],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    agree(run, rotated, done.stdout.splitlines())


LISTENER = """
[[listener]]
listen = ["127.0.0.1:0"]
domains = ["bounce.example.org"]
require_signed = true
"""


def test_what_the_functions_make_is_checked_and_received(
    run: Run, rotated: Path, tmp_path: Path
) -> None:
    script = written(run, rotated, "python", tmp_path / "return_path.py")
    done = subprocess.run(  # noqa: S603  our own interpreter
        [sys.executable, script, ANNE], capture_output=True, text=True, check=True
    )
    made = done.stdout.strip()
    assert run("--config", rotated, "verp", "check", made).status == 0
    forged = made.replace("anne", "bob")
    with running(tmp_path, rotated.read_text() + LISTENER) as daemon:
        with smtplib.SMTP("127.0.0.1", daemon.port, timeout=30) as client:
            client.ehlo("mx.example.com")
            client.mail("")
            assert client.rcpt(forged)[0] == 550
            assert client.rcpt("bounces@bounce.example.org")[0] == 550
            assert client.rcpt(made)[0] == 250
            report = a_bounce("somebody@else.example")
            assert client.data(report.replace(b"\n", b"\r\n"))[0] == 250
        with closing(daemon.opened()) as store:
            (event,) = store.events()
    assert event.event.attribution.recipient == ANNE
    assert event.event.attribution.trust is Trust.SIGNED


def test_what_listmonk_needs_is_a_configuration(run: Run, rotated: Path, tmp_path: Path) -> None:
    text = run("--config", rotated, "verp", "snippet", "listmonk").out
    path = written(run, rotated, "listmonk", tmp_path / "listmonk.toml")
    loaded = load(path)
    assert loaded.settings.attribution.campaign_headers == ("x-listmonk-campaign",)
    assert "10587" in text


def parts(text: str, *marks: str) -> list[str]:
    """Cut the lines of a snippet that are no comments at its numbered headings."""
    pieces = []
    for mark in marks:
        block = text.partition(mark)[2].partition("\n# ")[0]
        pieces.append("\n".join(row for row in block.splitlines()[1:] if row.strip()))
    return pieces


def arrived(sink: MailServer, count: int) -> list[Mail]:
    """Wait until so many messages have come."""
    deadline = time.monotonic() + 30
    while len(sink.got) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    return sink.got


@pytest.fixture
def shared() -> Iterator[Path]:
    """Give a folder that the users of mail servers may enter."""
    with tempfile.TemporaryDirectory(prefix="dsnwatch-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.server
def test_postfix_gives_each_recipient_a_return_path(run: Run, rotated: Path, shared: Path) -> None:
    needed()
    text = run("--config", rotated, "verp", "snippet", "postfix").out
    script = written(run, rotated, "python", shared / "return_path.py")
    shutil.copy(rotated.parent / "keys", shared / "keys")
    shutil.chown(shared / "keys", "nobody")
    script.write_text(script.read_text().replace(str(rotated.parent / "keys"), f"{shared}/keys"))
    main, master = parts(text, "# 2.", "# 3.")
    ports = {"10587": str(a_free_port()), "10588": str(a_free_port())}
    for told, ours in {**ports, "/etc/dsnwatch/return_path.py": str(script)}.items():
        master = master.replace(told, ours)
    master = master.replace("user=dsnwatch", "user=nobody").replace(
        "/usr/bin/python3", shutil.which("python3", path="/usr/bin:/usr/local/bin") or "python3"
    )
    with ExitStack() as stack:
        sink = stack.enter_context(a_mail_server())
        (shared / "postfix").mkdir()
        stack.enter_context(a_postfix(shared / "postfix", sink.port, {}, main=main, master=master))
        with smtplib.SMTP("127.0.0.1", int(ports["10587"]), timeout=30) as client:
            client.sendmail("news@example.org", [ANNE, "bob@example.com"], "Subject: hi\n\nhi\n")
        mails = arrived(sink, 2)
    signed_for = sorted(verified(rotated, mail.sender or "") or "" for mail in mails)
    assert signed_for == [ANNE, "bob@example.com"]
    assert sorted(mail.recipients[0] for mail in mails) == [ANNE, "bob@example.com"]


@pytest.mark.server
def test_exim_gives_each_recipient_a_return_path(run: Run, rotated: Path, shared: Path) -> None:
    program = exim()
    (transport,) = parts(run("--config", rotated, "verp", "snippet", "exim").out, "# 2.")
    script = written(run, rotated, "python", shared / "return_path.py")
    shutil.copy(rotated.parent / "keys", shared / "keys")
    (shared / "keys").chmod(0o644)
    script.write_text(script.read_text().replace(str(rotated.parent / "keys"), f"{shared}/keys"))
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable
    transport = transport.replace("/etc/dsnwatch/return_path.py", str(script))
    transport = transport.replace("/usr/bin/python3", python)
    (shared / "exim").mkdir()
    (shared / "exim").chmod(0o777)
    with a_mail_server() as sink:
        (shared / "exim.conf").write_text(
            f"{settings(program, shared / 'exim')}trusted_users = root\n"
            "begin routers\nall:\n  driver = manualroute\n  domains = *\n"
            "  transport = remote_smtp\n  self = send\n"
            f"  route_list = * 127.0.0.1::{sink.port}\n"
            f"begin transports\n{transport}\n"
        )
        for recipient in (ANNE, "bob@example.com"):
            subprocess.run(  # noqa: S603  the Exim of this machine
                [program, "-C", shared / "exim.conf", "-odf", "-f", "news@example.org", recipient],
                input="Subject: hi\n\nhi\n", text=True, check=True, capture_output=True,
            )  # fmt: skip
        mails = arrived(sink, 2)
    signed_for = sorted(verified(rotated, mail.sender or "") or "" for mail in mails)
    assert signed_for == [ANNE, "bob@example.com"]
