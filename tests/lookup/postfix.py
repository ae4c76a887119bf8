"""A Postfix of our own, with its queue and its configuration in a folder; started as root."""

import os
import re
import shutil
import smtplib
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pwd import getpwnam

import pytest

MAIN = """\
compatibility_level = 3.6
queue_directory = {place}/spool
data_directory = {place}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = {place}/postfix.log
maillog_file_prefixes = {place}
multi_instance_name = postfix-lookup-test
myhostname = mx.mta.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
local_recipient_maps =
alias_maps =
alias_database =
smtp_dns_support_level = disabled
transport_maps = inline:{{ {{ * = smtp:[127.0.0.1]:{sink} }} }}
"""


def needed() -> None:
    """Skip where there is no Postfix to start, unless it must be there."""
    missing = None
    if shutil.which("postfix") is None:
        missing = "Postfix is not installed"
    elif os.geteuid() != 0:
        missing = "only root can start a Postfix"
    if missing is not None:
        if os.environ.get("DSNWATCH_REQUIRE_SERVERS") == "1":
            pytest.fail(missing)
        pytest.skip(missing)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603  our own Postfix


@contextmanager
def a_postfix(
    place: Path, sink: int, services: Mapping[int, str], *, main: str = "", master: str = ""
) -> Iterator[Path]:
    """Run one that hands all mail to a port of the loopback.

    Args:
        place: An empty folder that other users may enter.
        sink: The port that takes the mail.
        services: Ports to listen on, each with its `smtpd_recipient_restrictions`.
        main: More lines of main.cf.
        master: More lines of master.cf.

    Returns:
        Its queue directory.
    """
    conf, spool, data = place / "conf", place / "spool", place / "data"
    for folder in (conf, spool, data):
        folder.mkdir()
    shutil.chown(data, "postfix")
    for folder in (place, spool):
        folder.chmod(0o755)
    shutil.copy("/usr/share/postfix/master.cf.dist", conf / "master.cf")
    (conf / "main.cf").write_text(f"{MAIN.format(place=place, sink=sink)}{main}\n")
    _run("postconf", "-c", str(conf), "-F", "*/*/chroot=n")
    _run("postconf", "-c", str(conf), "-MX", "smtp/inet")
    with (conf / "master.cf").open("a") as file:
        file.write(f"{master}\n")
        for port, restrictions in services.items():
            file.write(
                f"127.0.0.1:{port} inet n - n - - smtpd\n"
                f"  -o {{ smtpd_recipient_restrictions = {restrictions} }}\n"
            )
    (spool / "dsnwatch").mkdir(mode=0o2750)
    os.chown(spool / "dsnwatch", 0, getpwnam("postfix").pw_gid)
    (spool / "dsnwatch").chmod(0o2750)
    _run("postfix", "-c", str(conf), "start")
    try:
        yield spool
    finally:
        _run("postfix", "-c", str(conf), "stop")


def blocks(text: str) -> dict[str, str]:
    """Give the recipient restrictions that a document shows, each under its name, in one line."""
    found = re.findall(r"^```main\.cf (\S+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    restrictions = {}
    for name, block in found:
        parameter, _, value = " ".join(block.split()).partition(" = ")
        assert parameter == "smtpd_recipient_restrictions"
        restrictions[name] = value
    return restrictions


def rcpt(port: int, *recipients: str) -> list[tuple[int, str]]:
    """Ask an smtpd whether it takes mail for each recipient."""
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        client.ehlo("client.test")
        client.mail("news@example.com")
        replies = [client.rcpt(each) for each in recipients]
    return [(code, text.decode()) for code, text in replies]
