"""A hook reaches the address it was meant to, and no other."""

import ipaddress
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsnwatch.errors import HookError
from dsnwatch.hooks import Delivery
from dsnwatch.hooks.guarded import why_not
from dsnwatch.hooks.tls import trusting
from dsnwatch.hooks.webhook import WebhookHook

from .builders import Folder, Receiver, a_section
from .events import NOW, a_failure

PUBLIC = ["93.184.215.14", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::101:101"]
NOT_PUBLIC = {
    "127.0.0.1": "a loopback address",
    "127.1.2.3": "a loopback address",
    "::1": "a loopback address",
    "::ffff:127.0.0.1": "a loopback address",
    "10.0.0.1": "a private address",
    "172.16.0.1": "a private address",
    "192.168.1.1": "a private address",
    "100.64.0.1": "a private address",
    "192.0.2.1": "a private address",
    "198.18.0.1": "a private address",
    "fd00::1": "a private address",
    "fd00:ec2::254": "a private address",
    "2001:db8::1": "a private address",
    "::ffff:10.0.0.1": "a private address",
    "64:ff9b::a00:1": "a private address",
    "64:ff9b::a9fe:a9fe": "a link-local address",
    "2002:a00:1::1": "a private address",
    "2002:7f00:1::1": "a loopback address",
    "::a00:1": "a private address",
    "169.254.169.254": "a link-local address",
    "::ffff:169.254.169.254": "a link-local address",
    "fe80::1%eth0": "a link-local address",
}
NO_HOST = [
    "0.0.0.0",  # noqa: S104  nobody binds to it
    "::",
    "255.255.255.255",
    "224.0.0.1",
    "ff02::1",
    "::ffff:0.0.0.0",
    "240.0.0.1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_the_public_internet_may_be_reached(address: str) -> None:
    assert why_not(address, allow_private=False) is None


@pytest.mark.parametrize(("address", "why"), NOT_PUBLIC.items())
def test_the_rest_may_not_unless_it_is_allowed(address: str, why: str) -> None:
    assert why_not(address, allow_private=False) == why
    assert why_not(address, allow_private=True) is None


@pytest.mark.parametrize("address", NO_HOST)
def test_what_is_no_host_may_never_be_reached(address: str) -> None:
    for allow_private in (True, False):
        assert why_not(address, allow_private=allow_private) == "no address of a host"


@given(st.ip_addresses())
def test_nothing_that_may_be_reached_is_private_in_any_dress(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if why_not(str(address), allow_private=False) is None:
        assert address.is_global
        assert not address.is_multicast
        for dress in ("::ffff:", "64:ff9b::"):
            if address.version == 4:
                assert why_not(f"{dress}{address}", allow_private=False) is None
    elif address.version == 4:
        assert why_not(f"::ffff:{address}", allow_private=False) is not None
        assert why_not(f"64:ff9b::{address}", allow_private=False) is not None


class Names:
    """A resolver that answers as it is told, something else each time."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> list[str]:  # noqa: ARG002  the signature is `Resolve`
        self.asked.append(host)
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        if not answer:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return answer


def a_hook(names: Names, receiver: Receiver, *, allow_private: bool = True) -> WebhookHook:
    section = a_section(url="http://crm.example.org/", allow_private=allow_private)
    url = f"http://crm.example.org:{receiver.port}/bounces"
    tls = trusting(section, Folder(Path()), "hook.0")
    return WebhookHook(section, url, tls=tls, find=names)


def deliver(hook: WebhookHook) -> None:
    try:
        hook.deliver(Delivery((a_failure(),), 1, NOW))
    finally:
        hook.close()


def test_the_name_is_asked_once_and_the_connection_goes_there(receiver: Receiver) -> None:
    names = Names(["127.0.0.1"], ["192.0.2.1"])
    deliver(a_hook(names, receiver))
    assert names.asked == ["crm.example.org"]
    assert receiver.requests[0].headers["host"] == f"crm.example.org:{receiver.port}"


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Note where sockets connect to."""
    seen: list[object] = []
    real = socket.socket.connect

    def connect(self: socket.socket, address: object) -> None:
        seen.append(address)
        real(self, address)  # type: ignore[arg-type]  # as it came

    monkeypatch.setattr(socket.socket, "connect", connect)
    return seen


def test_a_private_address_is_never_connected_to(
    receiver: Receiver, connected: list[object]
) -> None:
    hook = a_hook(Names(["127.0.0.1"]), receiver, allow_private=False)
    with pytest.raises(HookError, match=r"crm\.example\.org leads to 127\.0\.0\.1, a loopback"):
        deliver(hook)
    assert connected == []
    assert receiver.requests == []


def test_one_private_address_among_public_ones_is_enough_to_refuse(
    receiver: Receiver, connected: list[object]
) -> None:
    hook = a_hook(Names(["93.184.215.14", "169.254.169.254"]), receiver, allow_private=False)
    with pytest.raises(HookError, match="a link-local address"):
        deliver(hook)
    assert connected == []


def test_a_name_that_turns_private_later_is_refused_then(receiver: Receiver) -> None:
    names = Names(["93.184.215.14"], ["127.0.0.1"])
    names("crm.example.org", 80)  # as when it was looked at before
    hook = a_hook(names, receiver, allow_private=False)
    with pytest.raises(HookError, match="leads to"):
        deliver(hook)
    assert receiver.requests == []


def test_the_next_address_is_tried_where_one_does_not_answer(receiver: Receiver) -> None:
    deliver(a_hook(Names(["127.0.0.9", "127.0.0.1"]), receiver))
    assert len(receiver.requests) == 1


def test_a_name_without_addresses_is_tried_again(receiver: Receiver) -> None:
    with pytest.raises(HookError, match=r"crm\.example\.org has no address"):
        deliver(a_hook(Names([]), receiver))


SPELLINGS = ("127.0.0.1", "[::1]", "localhost", "0x7f000001", "2130706433", "127.1")


@pytest.mark.parametrize("host", [*SPELLINGS, "[::ffff:7f00:1]"])
def test_a_url_cannot_name_the_loopback_in_any_spelling(receiver: Receiver, host: str) -> None:
    section = a_section(url=f"http://{host}:{receiver.port}/")
    assert section.url is not None
    tls = trusting(section, Folder(Path()), "hook.0")
    with pytest.raises(HookError):
        deliver(WebhookHook(section, section.url, tls=tls))
    assert receiver.requests == []
