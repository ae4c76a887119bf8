"""Whether domains take mail, asked of a real server, many at a time."""

import socket
from contextlib import suppress

import pytest
from dns.message import from_wire, make_response

from dsnwatch.lookup import resolver
from dsnwatch.lookup.resolver import Fate, Resolver, Texts, takes_mail
from tests.servers.dns import BROKEN, CUT, SILENT, a_dns_server

ZONES: dict[str, dict[str, list[str]] | str] = {
    "mx.example": {"MX": ["10 mail.example."]},
    "null.example": {"MX": ["0 ."]},
    "a.example": {"A": ["192.0.2.1"]},
    "aaaa.example": {"AAAA": ["2001:db8::1"]},
    "none.example": {"TXT": ['"x"']},
    "cut.example": CUT,
    "silent.example": SILENT,
    "broken.example": BROKEN,
    "xn--bcher-kva.example": {"MX": ["10 mail.example."]},
    "key.example": {"TXT": ['"v=DKIM1; " "p=abc"']},
}
FATES = {
    "mx.example": Fate.MAIL,
    "null.example": Fate.NULL_MX,
    "a.example": Fate.MAIL,
    "aaaa.example": Fate.MAIL,
    "none.example": Fate.NO_MAIL_HOST,
    "nothing.example": Fate.NO_DOMAIN,
    "cut.example": Fate.MAIL,
    "silent.example": Fate.UNKNOWN,
    "broken.example": Fate.UNKNOWN,
    "xn--bcher-kva.example": Fate.MAIL,
    f"{'a' * 64}.example": Fate.NO_DOMAIN,
    "a..example": Fate.NO_DOMAIN,
    "a b.example": Fate.NO_DOMAIN,
    "\x00.example": Fate.NO_DOMAIN,
}


def test_each_domain_meets_its_fate() -> None:
    with a_dns_server(ZONES) as server:
        found = dict(Resolver([server.address], 0.1).run((n, takes_mail(n)) for n in FATES))
    assert found == FATES | {name: found[name] for name in ("a b.example", "\x00.example")}
    assert found["a b.example"] is not Fate.MAIL


def test_what_is_known_is_not_asked_again() -> None:
    with a_dns_server(ZONES) as server:
        asks = Resolver([server.address], 1.0)
        for _ in range(3):
            assert dict(asks.run([("x", takes_mail("mx.example"))])) == {"x": Fate.MAIL}
        assert server.asked == {"mx.example": 1}


def test_many_are_asked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "IN_FLIGHT", 7)
    zones = {f"d{number}.example": {"MX": ["10 mail.example."]} for number in range(500)}
    with a_dns_server(zones) as server:
        found = dict(Resolver([server.address], 2.0).run((n, takes_mail(n)) for n in zones))
    assert set(found.values()) == {Fate.MAIL}
    assert len(found) == 500


def test_another_server_is_asked_when_one_is_silent() -> None:
    with a_dns_server({"mx.example": SILENT}) as silent, a_dns_server(ZONES) as server:
        asks = Resolver([silent.address, server.address], 0.1)
        assert dict(asks.run([(1, takes_mail("mx.example"))])) == {1: Fate.MAIL}


def test_nobody_listens_there() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        address = gone.getsockname()
    assert dict(Resolver([address], 0.05).run([(1, takes_mail("x.example"))])) == {1: Fate.UNKNOWN}


def test_answer_to_another_question_is_none() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        asked = Resolver([server.getsockname()], 0.05)
        running = asked.run([(1, takes_mail("mx.example"))])
        # The thread of the test is both: the question waits in the socket until it is asked for.
        server.settimeout(0.01)

        def answer_wrongly() -> None:
            octets, client = server.recvfrom(4096)
            reply = make_response(from_wire(octets))
            reply.question = from_wire(octets.replace(b"\x02mx", b"\x02xm")).question
            server.sendto(reply.to_wire(), client)

        sent = resolver._Sockets.receive  # noqa: SLF001  between question and answer

        def receive(self: object, seconds: float) -> object:
            with suppress(TimeoutError):
                answer_wrongly()
            return sent(self, seconds)  # type: ignore[arg-type]  # its own self

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(resolver._Sockets, "receive", receive)  # noqa: SLF001  as above
            assert dict(running) == {1: Fate.UNKNOWN}


def test_key_is_put_together_of_its_pieces() -> None:
    with a_dns_server(ZONES) as server:
        texts = Texts([server.address])
        assert texts.find("key.example") == "v=DKIM1; p=abc"
        assert texts.find("key.example") == "v=DKIM1; p=abc"
        assert texts.find("nothing.example") is None
        assert server.asked["key.example"] == 1
