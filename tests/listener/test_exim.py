"""A real Exim hands bounces to the listener as docs/receiving.md shows it."""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.listener.builders import DOMAIN, RECIPIENT, a_bounce
from tests.servers.daemon import running
from tests.servers.exim import exim, log_of, settings

from .test_postfix import messages, shown

pytestmark = pytest.mark.server
SOCKET = "/run/dsnwatch/lmtp.sock"


def configuration(program: Path, folder: Path, socket: str) -> str:
    """Put what the document shows into a whole configuration."""
    routers, transports = shown("Behind Exim", "text").split("# transports\n")
    return (
        f"{settings(program, folder)}domainlist local_domains = {DOMAIN}\nacl_smtp_rcpt = rcpt\n"
        f"begin acl\nrcpt:\n{shown('Behind Exim', 'text', 1)}  accept\n"
        f"begin routers\n{routers}begin transports\n{transports.replace(SOCKET, socket)}"
    )


def test_it_takes_mail_for_the_return_path_and_no_other() -> None:
    program = exim()
    with TemporaryDirectory(prefix="dsnwatch-") as name:
        place = Path(name)
        for folder in (place, place / "exim", place / "listener"):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o777)
        socket = f"{place}/listener/lmtp.sock"
        section = shown("Behind Postfix", "toml").replace(SOCKET, socket)
        path = place / "exim.conf"
        path.write_text(configuration(program, place / "exim", socket))
        said = [
            "EHLO mx.test", "MAIL FROM:<>", f"RCPT TO:<{RECIPIENT}>",
            f"RCPT TO:<somebody@{DOMAIN}>", "DATA", a_bounce().decode() + "\r\n.", "QUIT", "",
        ]  # fmt: skip
        with running(place / "listener", section) as daemon:
            Path(socket).chmod(0o666)
            spoken = subprocess.run(  # noqa: S603  the Exim of this machine
                [program, "-C", path, "-odf", "-bs"],
                input="\r\n".join(said).encode(),
                capture_output=True,
                check=True,
            )
            found = messages(daemon)
            log = log_of(place / "exim")
    assert b"550 Administrative prohibition" in spoken.stdout
    assert [message.raw.recipients for message in found] == [(RECIPIENT,)], log
    assert found[0].report.kind == "bounce"
