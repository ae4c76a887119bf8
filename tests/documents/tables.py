"""What the commands of the documents find, what is said otherwise here, and which are not run."""

from collections.abc import Mapping

from tests.cli.builders import a_bounce

Rows = Mapping[str, Mapping[str, str]]

NO_SYSTEMD = "systemd does not run where the tests run; tests/systemd looks at the units"
NO_USER = "there is no user dsnwatch; tests/systemd makes one where it can"
INSTALLS = "tests/test_package.py installs the wheel by pipx, which has pip do it"

NOT_RUN: Rows = {
    "README.md": {
        "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/dsnwatch import "
        "fixtures/demo.mbox --store sqlite:///demo.db": INSTALLS,
        "sudo python3 -m venv /opt/dsnwatch": INSTALLS,
        "sudo /opt/dsnwatch/bin/pip install -q .": INSTALLS,
        "sudo ln -s /opt/dsnwatch/bin/dsnwatch /usr/local/bin/dsnwatch": INSTALLS,
        "tests/run": "it runs this very test",
        "sudo dsnwatch init": "asks a person; tests/systemd/test_init.py answers it on a terminal",
    },
    "mailboxes.md": {
        "sudo -u dsnwatch dsnwatch mailbox login bounces": "a person logs in at Microsoft; "
        "tests/imap/test_oauth.py does it at a server of ours",
        "python -m tests.benchmarks.imap": "a benchmark, for minutes",
    },
    "operations.md": {
        "python3 -m venv /opt/dsnwatch": INSTALLS,
        "/opt/dsnwatch/bin/pip install .": INSTALLS,
        "ln -s /opt/dsnwatch/bin/dsnwatch /usr/local/bin/dsnwatch": INSTALLS,
        "/opt/dsnwatch/bin/pip install --upgrade .": INSTALLS,
        "dsnwatch init": "asks a person; tests/systemd/test_init.py answers it on a terminal",
        'systemctl start "dsnwatch-import@$(systemd-escape --path /var/mail/bounces).service"': (
            NO_SYSTEMD
        ),
        "journalctl -u 'dsnwatch-import@*' -e": NO_SYSTEMD,
        "systemctl daemon-reload": NO_SYSTEMD,
        "systemctl restart dsnwatch": NO_SYSTEMD,
        "systemctl stop dsnwatch": NO_SYSTEMD,
        "systemctl start dsnwatch": NO_SYSTEMD,
        "systemctl status dsnwatch": NO_SYSTEMD,
        "journalctl -u dsnwatch -p warning --since yesterday": NO_SYSTEMD,
    },
    "start.md": {
        "python3 -m venv /opt/dsnwatch": INSTALLS,
        "/opt/dsnwatch/bin/pip install -q .": INSTALLS,
        "ln -s /opt/dsnwatch/bin/dsnwatch /usr/local/bin/dsnwatch": INSTALLS,
    },
    "sending.md": {
        "install -d -o dsnwatch -g postfix -m 2750 /var/spool/postfix/dsnwatch": NO_USER,
        "journalctl -u 'postfix*' -o json --since -2h | dsnwatch sent import --postfix -": (
            "there is no journal; tests/cli/test_sent_postfix.py reads one"
        ),
    },
}
"""Commands that cannot be run here, with the reason."""

NEEDS: Mapping[str, tuple[str, ...]] = {
    "hooks.md": ("openssl",),
    "lists.md": ("openssl",),
    "sending.md": ("postmap",),
    "web.md": ("curl",),
}
"""Programs of others that are run."""

CHANGES: Rows = {
    "README.md": {"sudo dsnwatch init": "dsnwatch init --root new"},
    "hooks.md": {"--since 2026-01-01": "--since 2026-03-01"},
    "lists.md": {
        "--dns": "--dns --dns-server {dns}",
        "undo 01KABCDEFGHJKMNPQRSTVWXYZ0": "undo {import}",
    },
    "operations.md": {
        "dsnwatch init": "dsnwatch init --root new",
        "--host imap.example.org --user bounces@example.org": "--host 127.0.0.1 --port {imap} "
        "--tls none --user {user}",
        "-o dsnwatch -g dsnwatch": "",
        "dsnwatch-1.db": "dsnwatch-$(date +%u).db",
    },
    "policy.md": {"--undo 01K0000000000000000000000A": "--undo {rollback}"},
    "receiving.md": {"show 01K0000000000000000000000A": "show {message}"},
    "scaling.md": {
        "createuser --pwprompt": "createuser -h 127.0.0.1 -p {port} -U test",
        "createdb --owner": "createdb -h 127.0.0.1 -p {port} -U test --owner",
        "dsnwatch@db.example.com/dsnwatch": "dsnwatch@127.0.0.1:{port}/dsnwatch",
    },
    "start.md": {
        "dsnwatch init": "dsnwatch init --root new --force",
        "--host imap.example.org --user bounces@example.org": "--host 127.0.0.1 --port {imap} "
        "--tls none --user {user}",
    },
    "web.md": {
        "127.0.0.1:8025": "127.0.0.1:{web}",
        "events/01K0000000000000000000000A": "events/{event}",
        "messages/01K0000000000000000000000A": "messages/{message}",
        "holds/01K0000000000000000000000A": "holds/{hold}",
    },
}
"""What is said otherwise here: the words, and what stands in their place."""

SAID: Rows = {
    "mailboxes.md": {
        "127.0.0.1 is 127.0.0.1": "imap.example.org is 192.0.2.143",
        "127.0.0.1 port {imap}": "192.0.2.143 port 993",
        "none: to ourselves only": "TLSv1.3",
        "{user}": "bounces@example.org",
        "'INBOX': 1 ": "'INBOX': 1,204 ",
        "'Spam': 0 ": "'Spam': 3 ",
    },
}
"""What is printed here, and what stands in its place in the document."""

STATUS: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    "README.md": {  # one of them is suppressed
        "dsnwatch check ash.crane@lapsed.test nobody@example.org --store sqlite:///demo.db": (1,),
    },
    "figures.md": {
        "dsnwatch alerts list --since 7d": (1,),  # there are some
        "dsnwatch todo --since 30d": (0, 1),  # the demo stands still: by and by it is mended
    },
    "start.md": {"dsnwatch check anne@example.com": (1,)},  # she is suppressed
    "hooks.md": {"dsnwatch hooks replay crm": (1,)},  # nothing was missed
    "lists.md": {  # she was forgotten by the command before it
        'dsnwatch forget anne@example.com --block --because "her letter of 3 March"': (1,),
    },
}
"""Commands that do not end with 0."""


def _at(hour: int, address: str, number: int = 1) -> bytes:
    """Write a bounce that came at this hour of 1 March 2026, as an mbox has it."""
    return b"From MAILER-DAEMON Sun Mar  1 %02d:30:00 2026\n%b\n" % (
        hour,
        a_bounce(address, number=number),
    )


FORGED = b"".join(
    _at(hour, f"forged{hour}.{number}@example.net", hour * 1000 + number)
    for hour in (12, 13)
    for number in range(55)
)
"""More in two hours than the flood guard lets through."""

OURS = _at(3, "anne@example.com")

SENDGRID = "status,reason,email,created\n5.1.1,550 5.1.1 unknown,carol@example.com,1772359200\n"
DRAFT = """\
[[cause]]
id = "ours-mailbox-asleep"
reason = "mailbox_disabled"
phrases = ["mailbox has fallen asleep"]
source = "mx.example.org, seen 2026-03"
examples = ["550 5.2.1 The mailbox has fallen asleep"]
"""

FILES: Mapping[str, Mapping[str, str | bytes]] = {
    "README.md": {"/var/mail/bounces": OURS},
    "comparison.md": {
        "subscribers.csv": "email,name,attributes,status\nanne@example.org,Anne,{},blocklisted\n"
    },
    "configuration.md": {"new.toml": 'stream = "newsletter"\n'},
    "hooks.md": {"/etc/dsnwatch/crm-hook-secret": "whsec_c2VzYW1lc2VzYW1lc2VzYW1lc2VzYW1l\n"},
    "lists.md": {
        "bounces.csv": SENDGRID,
        "people.csv": "email\nanne@example.com\ninfo@example.com\nbob@gmial.com\n",
    },
    "operations.md": {"password": "secret\n"},
    "policy.md": {"draft.toml": '[policy]\npreset = "cold"\n'},
    "rules.md": {
        "/var/mail/bounces": OURS,
        "bounce.eml": a_bounce("anne@example.com"),
        "draft/ours.toml": DRAFT,
    },
    "sending.md": {"/var/log/mail.log": "", "/var/log/mail.log.1": ""},
    "start.md": {"/var/mail/bounces": OURS, "password": "secret\n"},
    "web.md": {"old.csv": "carol@example.com\n"},
}
"""Files that commands find; those that begin with / lie below the root."""
