"""What `dsnwatch init` puts in place: each file with its text and its rights."""

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import dsnwatch
from dsnwatch import whole_file
from dsnwatch.cli.manual import KINDS, PLACES
from dsnwatch.errors import UsageError

CONFIGURATION = "etc/dsnwatch/dsnwatch.toml"
SECRETS = "etc/dsnwatch/secrets"
PROGRAM = "/usr/bin/dsnwatch"
"""What stands in the units for the program."""

STORE = "sqlite:////var/lib/dsnwatch/dsnwatch.db"
FOLDERS = {"etc/dsnwatch": 0o755, "etc/dsnwatch/rules.d": 0o755, SECRETS: 0o700}
SPECIAL = {
    "dsnwatch.sysusers": "etc/sysusers.d/dsnwatch.conf",
    "dsnwatch.tmpfiles": "etc/tmpfiles.d/dsnwatch.conf",
}
"""What of `systemd/` is no unit, and where it goes."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A file to be put in place.

    Attributes:
        path: Below the root of the system.
        mode: Its rights.
    """

    path: str
    text: str
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Answers:
    """What was asked for.

    Attributes:
        source: `mailbox`, `listener`, or `none` for imports alone.
        host: Of the mailbox, with `user`, `password`, `tls` and `port` (None is the usual one).
        domain: Of return paths, with `listen` (`mx` or `lmtp`) and `recipients`.
    """

    source: str
    preset: str
    store: str = STORE
    host: str = ""
    user: str = ""
    password: str = ""
    tls: str = "implicit"
    port: int | None = None
    domain: str = ""
    listen: str = "mx"
    recipients: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the mailbox is called, and the file with its password."""
        return (
            re.sub(r"[^A-Za-z0-9_.-]", "", self.user.partition("@")[0]).lstrip("_.-") or "bounces"
        )


def configuration(answers: Answers) -> str:
    """Write the configuration that says what was answered."""
    parts = [
        "# Every option: `dsnwatch docs configuration`. After a change: `dsnwatch config check`.\n",
        f"[store]\nurl = {_text(answers.store)}\n",
        f"[policy]\npreset = {_text(answers.preset)}\n",
    ]
    if answers.source == "mailbox":
        port = f"port = {answers.port}\n" if answers.port else ""
        parts.append(
            f"[[mailbox]]\nname = {_text(answers.name)}\nhost = {_text(answers.host)}\n{port}"
            f"tls = {_text(answers.tls)}\nuser = {_text(answers.user)}\n"
            f"password_file = {_text(f'secrets/{answers.name}')}\n"
        )
    if answers.source == "listener":
        local_parts = ", ".join(map(_text, answers.recipients))
        protocol = 'protocol = "lmtp"\n' if answers.listen == "lmtp" else ""
        parts.append(
            f"[[listener]]\nlisten = [{_text(f'systemd:{answers.listen}')}]\n{protocol}"
            f"domains = [{_text(answers.domain)}]\nrecipients = [{local_parts}]\n"
        )
    return "\n".join(parts)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def secrets(answers: Answers) -> Iterator[Placed]:
    """Give the files that root alone may read."""
    if answers.source == "mailbox":
        yield Placed(f"{SECRETS}/{answers.name}", f"{answers.password}\n", 0o600)


def units(program: str) -> Iterator[Placed]:
    """Give what belongs to the program on a system: units, user, man page, completions.

    Args:
        program: What starts it: a path, or several words.
    """
    package = Path(dsnwatch.__file__).parent
    shipped = package / "systemd"  # in a wheel; in a checkout it stands beside the package
    for path in sorted((shipped if shipped.is_dir() else package.parent / "systemd").iterdir()):
        place = SPECIAL.get(path.name, f"etc/systemd/system/{path.name}")
        yield Placed(place, path.read_text(encoding="utf-8").replace(PROGRAM, program))
    for kind, make in KINDS.items():
        yield Placed(PLACES[kind], make())


def refuse_others(root: Path, files: Iterable[Placed]) -> None:
    """See that nothing would be overwritten by something else.

    Raises:
        UsageError: Something would; nothing was written.
    """
    for each in files:
        path = root / each.path
        if path.exists() and path.read_text(encoding="utf-8", errors="replace") != each.text:
            raise UsageError(
                f"{path}: is there already and says something else; nothing was written: look at "
                "it, then give --force to overwrite it, or --units to leave the configuration alone"
            )


def put(root: Path, files: Iterable[Placed]) -> Iterator[str]:
    """Write each file, whole or not at all, and give its path.

    Raises:
        OSError: One cannot be written.
    """
    for folder, mode in FOLDERS.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder).chmod(mode)
    for each in files:
        path = root / each.path
        path.parent.mkdir(parents=True, exist_ok=True)
        previous = os.umask(0o077)
        try:
            with whole_file.beside(path, [each.text], each.mode) as part:
                part.replace(path)
        finally:
            os.umask(previous)
        yield str(path)
