"""`dsnwatch init`: five questions, and it is a service."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, get_args

import typer

from dsnwatch.cli import init_files
from dsnwatch.cli.init_files import Answers, Placed
from dsnwatch.cli.output import line, say, step
from dsnwatch.errors import DsnwatchError, UsageError

app = typer.Typer(rich_markup_mode=None, add_completion=False)

SOURCES = ("mailbox", "listener", "none")
LISTENS = ("mx", "lmtp")
RECIPIENTS = "bounces,bounces+*,postmaster,abuse"
SHUT_OUT = ("/home", "/root", "/tmp", "/var/tmp")  # noqa: S108  places the service does not see


@app.command(
    short_help="Make it a service: configuration, units, first test.",
    help="Ask five questions (or take the options), try the mailbox, then put in place: the "
    "configuration, the secret in a file for root alone, systemd units with their user, the man "
    "page and completions for shells; and say what to do next. Nothing that is there already is "
    "overwritten without --force, and where the mailbox cannot be entered nothing is written. "
    "Mailboxes with OAuth 2 are configured by hand (`dsnwatch docs mailboxes`): --source none.",
    epilog="""\b
    As root, at a terminal:
      dsnwatch init
    From a script, with the password on standard input:
      dsnwatch init --source mailbox --host imap.example.org
        --user bounces@example.org --password-file - --preset newsletter
    After an upgrade, the new units alone:
      dsnwatch init --units --force
    """,
)
def init(
    *,
    source: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="Where bounces arrive: mailbox, listener, or none."),
    ] = None,
    host: Annotated[
        str | None, typer.Option(metavar="HOST", help="Mailbox: the IMAP server.")
    ] = None,
    user: Annotated[str | None, typer.Option(metavar="USER", help="Mailbox: who logs in.")] = None,
    password_file: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Mailbox: a file with the password; - is stdin."),
    ] = None,
    tls: Annotated[
        str, typer.Option(metavar="HOW", help="Mailbox: implicit, starttls, or none (loopback).")
    ] = "implicit",
    port: Annotated[
        int | None, typer.Option(metavar="N", help="Mailbox: its port, where it is unusual.")
    ] = None,
    domain: Annotated[
        str | None, typer.Option(metavar="DOMAIN", help="Listener: the return-path domain.")
    ] = None,
    listen: Annotated[
        str | None,
        typer.Option(metavar="HOW", help="Listener: mx (port 25), or lmtp (24, behind a server)."),
    ] = None,
    recipients: Annotated[
        str | None,
        typer.Option(metavar="LIST", help="Listener: local parts it takes, with commas."),
    ] = None,
    preset: Annotated[str | None, typer.Option(metavar="NAME", help="The policy's preset.")] = None,
    store: Annotated[str, typer.Option(metavar="URL", help="The store.")] = init_files.STORE,
    program: Annotated[
        str | None, typer.Option(metavar="PATH", help="The program in the units. [default: this]")
    ] = None,
    root: Annotated[
        Path, typer.Option(metavar="DIR", help="Put everything below this folder.")
    ] = Path("/"),
    units: Annotated[
        bool, typer.Option("--units", help="Units, man page and completions only.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
    test: Annotated[bool, typer.Option("--test/--no-test", help="Try the mailbox first.")] = True,
) -> None:
    """Ask, try, write, and say what comes next."""
    _refuse_place(root)
    files = list(init_files.units(_program(program, root)))
    answers = None
    if not units:
        if (root / init_files.CONFIGURATION).exists() and not force and sys.stdin.isatty():
            init_files.refuse_others(root, [Placed(init_files.CONFIGURATION, "")])
        given = {
            "source": source, "host": host, "user": user, "domain": domain, "listen": listen,
            "recipients": recipients, "preset": preset,
        }  # fmt: skip
        answers = _answers(given, password_file, tls=tls, port=port, store=store)
        _try(answers, test=test)
        text = init_files.configuration(answers)
        files = [Placed(init_files.CONFIGURATION, text), *init_files.secrets(answers), *files]
    if not force:
        init_files.refuse_others(root, files)
    for path in init_files.put(root, files):
        line(f"wrote {path}")
    for said in _next(answers):
        line(said)


def _refuse_place(root: Path) -> None:
    if root == Path("/") and os.geteuid() != 0:
        raise UsageError("init writes into /etc; run it as root (sudo), or give --root DIR")


def _program(given: str | None, root: Path) -> str:
    """Find what the units shall start.

    Raises:
        UsageError: It lies where the service, shut in as it is, does not see it.
    """
    found = given or shutil.which(sys.argv[0]) or ""
    if Path(found).name != "dsnwatch" and given is None:
        found = f"{sys.executable} -m dsnwatch"
    else:
        found = str(Path(found).absolute())
    real = str(Path(found.split()[0]).resolve())
    if root == Path("/") and given is None and real.startswith(tuple(f"{p}/" for p in SHUT_OUT)):
        raise UsageError(
            f"{real}: the service does not see programs there; install it for all "
            "(`pipx install --global .` in a clone, or a venv in /opt), or give --program"
        )
    return found


def _answers(
    given: dict[str, str | None],
    password_file: str | None,
    *,
    tls: str,
    port: int | None,
    store: str,
) -> Answers:
    """Take the options, and ask for the rest.

    Raises:
        UsageError: An answer is none of those there are, or nobody is there to be asked.
    """
    from dsnwatch.config.policy import Preset  # noqa: PLC0415  pydantic, not for --help

    def ask(name: str, question: str, *, default: str = "", of: tuple[str, ...] = ()) -> str:
        value = given[name]
        if value is None:
            choices = f" ({', '.join(of)})" if of else ""
            value = _asked(f"--{name}", f"{question}{choices}", default, of=of)
        if of and value not in of:
            raise UsageError(f"--{name} '{value}' is none of {', '.join(of)}")
        if not value.strip():
            raise UsageError(f"--{name} is empty; give it again")
        return value.strip()

    source = ask("source", "Where do bounces arrive?", default="mailbox", of=SOURCES)
    details: dict[str, str] = {}
    recipients: tuple[str, ...] = ()
    if source == "mailbox":
        details = {"host": ask("host", "IMAP server?"), "user": ask("user", "Who logs in?")}
        details["password"] = _password(password_file)
    elif source == "listener":
        details = {
            "domain": ask("domain", "Domain of the return paths?"),
            "listen": ask(
                "listen", "As its MX, or behind a mail server?", default="mx", of=LISTENS
            ),
        }
        listed = ask("recipients", "Which local parts?", default=RECIPIENTS)
        recipients = tuple(each.strip() for each in listed.split(",") if each.strip())
    preset = ask("preset", "What kind of mail bounces?", default="default", of=get_args(Preset))
    return Answers(source, preset, store, tls=tls, port=port, recipients=recipients, **details)


def _asked(
    option: str,
    question: str,
    default: str = "",
    *,
    hidden: bool = False,
    of: tuple[str, ...] = (),
) -> str:
    """Ask the person at the terminal.

    Raises:
        UsageError: There is none.
    """
    if not sys.stdin.isatty():
        if default:
            return default
        raise UsageError(f"{option} is missing, and nobody is there to be asked; give it")
    suffix = ": " if default else " "
    while True:
        answer: str = typer.prompt(
            question, default=default or None, hide_input=hidden, prompt_suffix=suffix
        )
        if not of or answer.strip() in of:
            return answer
        say(f"'{answer}' is none of these")


def _password(path: str | None) -> str:
    if path is None:
        return _asked("--password-file", "Password?", hidden=True)
    text = sys.stdin.readline() if path == "-" else Path(path).read_text(encoding="utf-8")
    if not text.strip("\r\n"):
        raise UsageError(f"--password-file {path}: is empty")
    return text.rstrip("\r\n")


def _try(answers: Answers, *, test: bool) -> None:
    """Load the configuration as the service will, and go into the mailbox.

    Raises:
        DsnwatchError: Something is wrong with it; says that nothing was written.
    """
    from dsnwatch.cli.mailbox import steps  # noqa: PLC0415  likewise
    from dsnwatch.config import loading  # noqa: PLC0415  not for --help
    from dsnwatch.store import open_store  # noqa: PLC0415  likewise

    with TemporaryDirectory(prefix="dsnwatch-init-") as name:
        folder = Path(name)
        list(init_files.put(folder, init_files.secrets(answers)))
        path = folder / init_files.CONFIGURATION
        path.write_text(init_files.configuration(answers), encoding="utf-8")
        try:
            loaded = loading.load(path)
            if answers.source == "mailbox" and test:
                store = open_store(str(folder / "try.db"))
                try:
                    for name_of_step, said in steps(loaded, 0, store):
                        step(name_of_step, said)
                finally:
                    store.close()
        except DsnwatchError as error:
            said = str(error).replace(str(path), init_files.CONFIGURATION)
            error.args = (f"{said} (nothing was written)",)
            raise


def _next(answers: Answers | None) -> Iterator[str]:
    yield ""
    yield "Next, as root:"
    yield "  systemd-sysusers && systemd-tmpfiles --create && systemctl daemon-reload"
    if answers is None:
        yield "  systemctl try-restart dsnwatch"
        return
    sockets: dict[str, str] = {"mx": " dsnwatch.socket", "lmtp": " dsnwatch-lmtp.socket"}
    socket = sockets[answers.listen] if answers.source == "listener" else ""
    if answers.source == "none":
        yield '  systemctl start "dsnwatch-import@$(systemd-escape -p /var/mail/bounces).service"'
    else:
        yield f"  systemctl enable --now{socket} dsnwatch.service dsnwatch-sweep.timer"
        yield "  dsnwatch doctor"
