"""The doctor finds what is wrong, and says its cure."""

import socket
import threading
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import dsnwatch
from dsnwatch.checkup import Finding, Health
from dsnwatch.checkup.machine import clock, daemon, disk, store_of
from dsnwatch.checkup.published import dkim, dmarc, spf, takes_bounces
from dsnwatch.lookup.resolver import Answer, Asking, Resolver
from dsnwatch.metrics import DaemonFigures, MailboxFigures
from dsnwatch.store import HookState, open_store
from tests.servers.dns import BROKEN, a_dns_server
from tests.store.builders import a_message

from .conftest import Ran, Run

KEY = "v=DKIM1; p=" + "A" * 200
Zones = Mapping[str, Mapping[str, list[str]] | str]


def txt(*texts: str) -> dict[str, list[str]]:
    """Give TXT records."""
    return {"TXT": [f'"{text}"' for text in texts]}


def ask(asking: Asking[list[Finding]], zones: Zones) -> Finding:
    """Ask a real server with these names, and give what was found."""
    with a_dns_server(zones) as server:
        ((_, found),) = Resolver([server.address], 0.3).run([(0, asking)])
    return found[0]


@pytest.mark.parametrize(
    ("zones", "health", "says"),
    [
        ({"b.example": {"MX": ["10 mx.example."]}, "mx.example": {"A": ["192.0.2.1"]}},
         Health.OK, "mx.example"),
        ({"b.example": {"MX": ["10 mx.example."]}, "mx.example": {}}, Health.WRONG, "no address"),
        ({"b.example": {"MX": ["0 ."]}}, Health.WRONG, "null MX"),
        ({"b.example": {"A": ["192.0.2.1"]}}, Health.LOOK, "its own address"),
        ({"b.example": {}}, Health.WRONG, "no address"),
        ({}, Health.WRONG, "no such domain"),
        ({"b.example": BROKEN}, Health.LOOK, "did not answer"),
    ],
)  # fmt: skip
def test_domain_of_return_paths(zones: Zones, health: Health, says: str) -> None:
    found = ask(takes_bounces("b.example"), zones)
    assert found.health is health
    assert says in found.says
    assert bool(found.cure) is (health is not Health.OK)


@pytest.mark.parametrize(
    ("texts", "health", "says"),
    [
        (["v=spf1 ip4:192.0.2.0/24 -all"], Health.OK, "ip4"),
        (["other", "v=spf1 redirect=_spf.example"], Health.OK, "redirect"),
        (["v=spf1x -all"], Health.LOOK, "there is none"),
        ([], Health.LOOK, "there is none"),
        (["v=spf1 -all", "v=spf1 ~all"], Health.WRONG, "several"),
        (["v=spf1 +all"], Health.WRONG, "anybody"),
        (["v=spf1 ip4:192.0.2.1"], Health.LOOK, "others"),
        (["v=spf1 " + " ".join(f"include:{n}.example" for n in range(11)) + " -all"],
         Health.WRONG, "more than 10"),
    ],
)  # fmt: skip
def test_spf(texts: list[str], health: Health, says: str) -> None:
    found = ask(spf("a.example"), {"a.example": txt(*texts)})
    assert found.health is health
    assert says in found.says


@pytest.mark.parametrize(
    ("zones", "health", "says"),
    [
        ({"_dmarc.a.example.org": txt("v=DMARC1; p=reject")}, Health.OK, "p=reject"),
        ({"_dmarc.a.example.org": txt("v=DMARC1; p=none")}, Health.LOOK, "watches"),
        ({"_dmarc.a.example.org": txt("v=DMARC1; rua=mailto:x")}, Health.WRONG, "no policy"),
        ({"_dmarc.a.example.org": txt("v=DMARC1; p=none", "v=DMARC1;")}, Health.WRONG, "several"),
        ({"_dmarc.example.org": txt("v=DMARC1; p=reject")}, Health.OK, "of example.org holds"),
        ({}, Health.LOOK, "there is none"),
        ({"_dmarc.a.example.org": BROKEN}, Health.LOOK, "did not answer"),
    ],
)
def test_dmarc(zones: Zones, health: Health, says: str) -> None:
    found = ask(dmarc("a.example.org"), zones)
    assert found.health is health
    assert says in found.says


@pytest.mark.parametrize(
    ("texts", "ours", "health", "says"),
    [
        ([KEY], None, Health.OK, "DKIM1"),
        ([KEY], KEY, Health.OK, "DKIM1"),
        ([KEY], KEY + "B", Health.WRONG, "not the one"),
        (["v=DKIM1; p="], None, Health.WRONG, "revoked"),
        (["v=DKIM1; p=AAAA"], None, Health.WRONG, "no whole key"),
        (["v=DKIM1; k=ed25519; p=" + "A" * 44], None, Health.OK, "ed25519"),
        ([], None, Health.WRONG, "not published"),
    ],
)
def test_dkim(texts: list[str], ours: str | None, health: Health, says: str) -> None:
    found = ask(dkim("s1._domainkey.a.example", ours), {"s1._domainkey.a.example": txt(*texts)})
    assert found.health is health
    assert says in found.says


def test_the_clock_has_gone_back_when_mail_is_of_the_future(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "a.db"))
    with store.write() as writer:
        writer.add_messages([a_message()])
    then = datetime(2026, 1, 2, tzinfo=UTC)
    assert [each.health for each in store_of(store, then)] == [Health.OK, Health.WRONG]
    later = datetime.now(UTC) + timedelta(days=9000)
    assert [each.health for each in store_of(store, later)] == [Health.OK]
    store.close()
    assert clock(datetime(1970, 1, 1, tzinfo=UTC)).health is Health.WRONG
    assert clock(later).health is not Health.WRONG
    assert disk(tmp_path / "gone").health is Health.WRONG


def configured(folder: Path, text: str) -> Path:
    """Write a configuration with its store beside it."""
    path = folder / "c.toml"
    store = f'[store]\nurl = "sqlite:///{folder / "a.db"}"\n'
    path.write_text(store + text, encoding="utf-8")
    return path


def subjects(ran: Ran) -> dict[str, str]:
    """Give what was looked at, and how it is."""
    return {row["subject"]: row["health"] for row in ran.rows}


def test_a_sound_place_is_well(run: Run, tmp_path: Path) -> None:
    zones: Zones = {
        "bounce.example.org": {
            "MX": ["10 mx.example."], **txt("v=spf1 mx -all")
        },
        "mx.example": {"A": ["192.0.2.1"]},
        "example.org": txt("v=spf1 a -all"),
        "_dmarc.example.org": txt("v=DMARC1; p=reject"),
        "s1._domainkey.example.org": txt(KEY),
    }  # fmt: skip
    (tmp_path / "s1.txt").write_text(KEY, encoding="ascii")
    path = configured(
        tmp_path,
        '[return_path]\ndomain = "bounce.example.org"\n[trust]\ndomains = ["example.org"]\n'
        'dkim_domains = ["example.org"]\n'
        '[trust.dkim_keys]\n"s1._domainkey.example.org" = "s1.txt"\n',
    )
    with a_dns_server(zones) as server:
        place = f"{server.address[0]}:{server.address[1]}"
        ran = run("doctor", "--config", path, "--dns-server", place, "--json")
        shown = run("doctor", "--config", path, "--dns-server", place)
    assert ran.status == 0
    found = subjects(ran)
    del found["clock"], found["disk"]  # of the machine the tests run on
    assert found == dict.fromkeys(
        [
            "configuration", "rules", "store", "MX of bounce.example.org",
            "SPF of bounce.example.org", "SPF of example.org", "DMARC of example.org",
            "DKIM key s1._domainkey.example.org",
        ],
        "ok",
    )  # fmt: skip
    assert all(len(line) <= 80 for line in shown.out.splitlines())


def test_what_is_wrong_is_told_with_its_cure(run: Run, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        def greet() -> None:
            with other.accept()[0] as client:
                client.sendall(b"554 go away\r\n")
                client.recv(100)

        thread = threading.Thread(target=greet)
        thread.start()
        path = configured(
            tmp_path,
            f'[[listener]]\nlisten = ["127.0.0.1:{port}", "unix:{tmp_path}/no.sock"]\n'
            'domains = ["bounce.example.org"]\n'
            '[[hook]]\nname = "crm"\nkind = "exec"\ncommand = ["/bin/true"]\n'
            '[[mailbox]]\nname = "m"\nhost = "127.0.0.1"\nport = 1\ntls = "none"\nuser = "u"\n'
            'password_file = "p"\n',
        )
        (tmp_path / "p").write_text("secret", encoding="utf-8")
        store = open_store(str(tmp_path / "a.db"))
        with store.write() as writer:
            writer.deliveries.put_state(HookState("crm", failures=3, error="exit status 1"))
            writer.say_figures(
                datetime.now(UTC) - timedelta(hours=1), {"m": MailboxFigures("m").to_json()}
            )
        store.close()
        with a_dns_server({}) as server:
            place = f"{server.address[0]}:{server.address[1]}"
            ran = run("doctor", "--config", path, "--dns-server", place, "--json")
        thread.join()
    assert ran.status == 1
    wrong = {row["subject"]: row["says"] for row in ran.rows if row["health"] == "wrong"}
    assert set(wrong) == {
        "daemon", "mailbox m", "hook crm", f"listener 127.0.0.1:{port}",
        f"listener unix:{tmp_path}/no.sock", "MX of bounce.example.org",
    }  # fmt: skip
    assert "554 go away" in wrong[f"listener 127.0.0.1:{port}"]
    assert all(row["cure"] for row in ran.rows if row["health"] != "ok")


def test_a_bad_configuration_ends_it(run: Run, tmp_path: Path) -> None:
    path = configured(tmp_path, "[policy]\nprset = 1\n")
    ran = run("doctor", "--config", path, "--json")
    assert (ran.status, subjects(ran)) == (1, {"configuration": "wrong"})


def test_offline_asks_nobody(run: Run, tmp_path: Path) -> None:
    path = configured(tmp_path, '[trust]\ndomains = ["example.org"]\n')
    ran = run("doctor", "--config", path, "--offline", "--json")
    assert ran.status == 0
    assert not any("of example.org" in subject for subject in subjects(ran))


def test_no_answer_is_nobodys_fault() -> None:
    asking = spf("a.example")
    next(asking)
    with pytest.raises(StopIteration) as end:
        asking.send(Answer(None))
    assert end.value.value[0].health is Health.LOOK


@pytest.mark.parametrize(
    ("said", "health", "says"),
    [
        (((), "", 30), Health.WRONG, "nothing does of listener 1, web"),
        ((("listener 1", "web", "alerts"), dsnwatch.__version__, 0), Health.OK, "runs"),
        ((("listener 1", "web"), dsnwatch.__version__, 30), Health.WRONG, "does not run"),
        ((("listener 1", "alerts"), dsnwatch.__version__, 0), Health.LOOK, "but not web"),
        ((("listener 1", "web"), "0.0.1", 0), Health.LOOK, "but as 0.0.1"),
    ],
)
def test_daemon_runs_what_it_is_asked_for(
    tmp_path: Path, said: tuple[tuple[str, ...], str, int], health: Health, says: str
) -> None:
    now = datetime.now(UTC)
    parts, version, minutes = said
    with closing(open_store(str(tmp_path / "a.db"), node="mx1")) as store:
        if parts:
            figures = DaemonFigures(version, now, parts).to_json()
            with store.write() as writer:
                writer.say_figures(now - timedelta(minutes=minutes), {}, figures)
        (found,) = daemon(store, "mx1", ("listener 1", "web"), now)
        assert [*daemon(store, "mx1", (), now)] == [], "imports need no daemon"
    assert found.health is health
    assert says in found.says
    assert bool(found.cure) is (health is not Health.OK)
