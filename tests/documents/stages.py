"""What must run before the commands of a document can be: servers, and configuration."""

import json
import re
from collections.abc import Callable, Mapping
from itertools import islice
from shutil import copyfile

from tests.cli.builders import a_bounce
from tests.documents.scene import STORE, Scene
from tests.documents.shown import toml_blocks
from tests.hooks.builders import a_receiver
from tests.servers.dns import a_dns_server
from tests.servers.dovecot import PASSWORD, Dovecot, a_port
from tests.servers.postgresql import running


def configured(scene: Scene, document: str, which: int, changes: Mapping[str, str]) -> None:
    """Put a section that the document shows into the configuration."""
    text = next(islice(toml_blocks(document), which, None))
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    scene.configuration.write_text(scene.configuration.read_text() + scene.at_root(text))


def a_hook(scene: Scene) -> None:
    """Have somebody who is told."""
    receiver = scene.more.enter_context(a_receiver())
    told = {"https://crm.example.org/bounces": f"{receiver.url}/bounces"}
    configured(scene, "hooks.md", 0, told | {"[[hook]]": "[[hook]]\nallow_private = true"})


def a_dns(scene: Scene) -> None:
    """Have DNS know one domain."""
    server = scene.more.enter_context(a_dns_server({"example.com": {"MX": ["10 mx.example.com."]}}))
    scene.values["dns"] = "{}:{}".format(*server.address)


def a_mailbox_server(scene: Scene) -> None:
    """Have a Dovecot with mail for a user."""
    server = scene.more.enter_context(Dovecot.running())
    account = server.a_user()
    account.deliver([a_bounce("dora@example.com")])
    scene.values |= {"imap": str(server.port), "user": account.user}


def a_mailbox(scene: Scene) -> None:
    """Watch that user's mailbox as the document says."""
    a_mailbox_server(scene)
    (scene.configuration.parent / "imap-password").write_text(PASSWORD)
    server = f'host = "127.0.0.1"\nport = {scene.values["imap"]}\ntls = "none"'
    here = {'host = "imap.example.org"': server, "bounces@example.org": scene.values["user"]}
    configured(scene, "mailboxes.md", 0, here)


def keys(scene: Scene) -> None:
    """Sign return paths."""
    configured(scene, "trust.md", 0, {})


def keys_made(scene: Scene) -> None:
    """Sign return paths, and have a key."""
    keys(scene)
    scene.run("dsnwatch verp key rotate")


def a_database(scene: Scene) -> None:
    """Run a PostgreSQL, with its programs in the path."""
    server = scene.more.enter_context(running())
    scene.values["port"] = str(server.port)
    for name in ("createuser", "createdb"):
        (scene.root / "bin" / name).symlink_to(server.programs / name)


def pages(scene: Scene) -> None:
    """Run the daemon with its API."""
    scene.values["web"] = str(a_port())
    configured(scene, "web.md", 0, {"8025": scene.values["web"]})
    scene.daemon()


def suppressed(scene: Scene) -> None:
    """Have a person's address on the list."""
    scene.run("dsnwatch suppressions add anne@example.org --because 'a test'")


def the_demo(scene: Scene) -> None:
    """Have done the first of the two commands."""
    copyfile(scene.root / STORE, scene.home / "demo.db")


STAGES: Mapping[str, Callable[[Scene], None]] = {
    "README.md": the_demo,
    "hooks.md": a_hook,
    "lists.md": a_dns,
    "mailboxes.md": a_mailbox,
    "operations.md": a_mailbox_server,
    "policy.md": suppressed,
    "scaling.md": a_database,
    "sending.md": keys_made,
    "start.md": a_mailbox_server,
    "trust.md": keys,
    "web.md": pages,
}


def rows(scene: Scene, command: str) -> "list[dict[str, str]]":
    """Give what a command answers to machines."""
    return [json.loads(line) for line in scene.run(f"dsnwatch {command} --json").out.splitlines()]


def last_rollback(scene: Scene) -> str:
    """Find what the last rollback said that takes it back."""
    found = re.findall(r"--undo ([0-9A-Z]{26})", scene.said)
    return str(found[-1])


IDS: Mapping[str, Callable[[Scene], str]] = {
    "event": lambda scene: rows(scene, "events list --limit 1")[0]["id"],
    "hold": lambda scene: rows(scene, "holds list")[0]["id"],
    "import": lambda scene: rows(scene, "suppressions imports")[0]["batch"],
    "message": lambda scene: rows(scene, "messages list --limit 1")[0]["id"],
    "rollback": last_rollback,
    "root": lambda scene: str(scene.root),
}
"""What stands for an id that a document shows."""
