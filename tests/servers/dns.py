"""A DNS server of a few names, on loopback."""

import socket
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

SILENT = "silent"
BROKEN = "broken"
CUT = "cut"


@dataclass
class DnsServer:
    """A running server.

    Attributes:
        address: Where it listens, over UDP and TCP.
        asked: How often each name was asked about.
    """

    address: tuple[str, int]
    zones: Mapping[str, Mapping[str, list[str]] | str]
    asked: Counter[str] = field(default_factory=Counter)

    def answer(self, octets: bytes, *, tcp: bool) -> bytes | None:
        """Answer a question; None is silence."""
        query = dns.message.from_wire(octets)
        name = query.question[0].name.to_text().rstrip(".")
        kind = query.question[0].rdtype.name
        self.asked[name] += 1
        reply = dns.message.make_response(query)
        zone = self.zones.get(name)
        if zone == SILENT:
            return None
        if zone == BROKEN:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif zone == CUT and not tcp:
            reply.flags |= dns.flags.TC
        elif zone is None:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        else:
            records = {"MX": ["10 mx.example."]} if isinstance(zone, str) else zone
            if rows := records.get(kind):
                reply.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", kind, *rows))
        return reply.to_wire()


@contextmanager
def a_dns_server(zones: Mapping[str, Mapping[str, list[str]] | str]) -> Iterator[DnsServer]:
    """Run one that knows these names: records by their kind, or `SILENT`, `BROKEN`, `CUT`."""
    with socket.create_server(("127.0.0.1", 0)) as stream:
        address = stream.getsockname()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            datagrams.bind(address)
            server = DnsServer(address, zones)
            ended = threading.Event()

            def udp() -> None:
                while True:
                    octets, client = datagrams.recvfrom(4096)
                    if ended.is_set():
                        return
                    if answer := server.answer(octets, tcp=False):
                        datagrams.sendto(answer, client)

            def tcp() -> None:
                while True:
                    connection, _ = stream.accept()
                    with connection:
                        if ended.is_set():
                            return
                        length = int.from_bytes(connection.recv(2), "big")
                        answer = server.answer(connection.recv(length), tcp=True) or b""
                        connection.sendall(len(answer).to_bytes(2, "big") + answer)

            threads = [threading.Thread(target=each) for each in (udp, tcp)]
            for thread in threads:
                thread.start()
            try:
                yield server
            finally:
                ended.set()
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                    last.sendto(b"end", address)
                socket.create_connection(address).close()
                for thread in threads:
                    thread.join()
