"""What a daemon stands on: store, disk, clock, listeners, hooks, and whether it runs."""

import ctypes
import shutil
import socket
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from dsnwatch import __version__
from dsnwatch.alerting import FRESH, alerts_and_holds, time_of
from dsnwatch.checkup.finding import Finding, look, well, wrong
from dsnwatch.config.listener import place_of
from dsnwatch.errors import StoreError
from dsnwatch.metrics import DaemonFigures
from dsnwatch.store import MessageFilter

if TYPE_CHECKING:
    from dsnwatch.config.listener import ListenerSection
    from dsnwatch.store import Store

_GIB = 1 << 30
_LEAST_SHARE = 0.05
_GREETING_SECONDS = 5.0
_UNSYNCHRONISED = 0x0040
_AHEAD = timedelta(minutes=5)
_BEFORE_US = datetime(2026, 1, 1, tzinfo=UTC)


def store_of(store: "Store", now: datetime) -> Iterator[Finding]:
    """See that the store takes writes, and that its newest row is not of the future."""
    try:
        with store.write():
            pass
        totals = store.counts(now)
    except StoreError as error:
        yield wrong("store", str(error), "mend that; nothing is taken in till then")
        return
    yield well("store", f"{store.where}: {totals.messages:,} messages, {totals.events:,} events")
    newest = next(store.messages(MessageFilter(), 1, newest=True), None)
    if newest is not None and time_of(newest.id) > now + _AHEAD:
        yield wrong(
            "clock",
            f"the newest message was stored at {time_of(newest.id):%Y-%m-%d %H:%M} UTC: it has "
            "gone back",
            "set the clock, and let it be kept (systemd-timesyncd, chrony)",
        )


def disk(folder: Path) -> Finding:
    """See that there is room where the store lies."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError as error:
        return wrong("disk", f"{folder}: {error.strerror}", "give this user the folder")
    free = f"{usage.free / _GIB:.1f} GiB of {usage.total / _GIB:.1f} are free at {folder}"
    cure = "make room: keep.raw_messages and `dsnwatch db sweep` let go of old mail"
    if usage.free < _GIB / 4:
        return wrong("disk", free, cure)
    if usage.free < _GIB or usage.free < _LEAST_SHARE * usage.total:
        return look("disk", free, cure)
    return well("disk", free)


def clock(now: datetime) -> Finding:
    """See that the clock is kept right."""
    cure = "let it be kept: systemd-timesyncd or chrony"
    if now < _BEFORE_US:
        return wrong("clock", f"it is {now:%Y-%m-%d}", cure)
    kept = _kept()
    if kept is False:
        return look("clock", "nothing keeps it right; windows and signed paths go by it", cure)
    return well("clock", "is kept right" if kept else f"says {now:%Y-%m-%d %H:%M} UTC")


def _kept() -> bool | None:
    """Ask the kernel whether something sets the clock; None where it does not tell.

    Source: adjtimex(2); STA_UNSYNC stands in `status`, the second int behind four longs.
    """
    state = (ctypes.c_char * 512)()
    try:
        answer = ctypes.CDLL(None).adjtimex(ctypes.byref(state))
    except (OSError, AttributeError):
        return None
    if answer < 0:
        return None
    longs = ctypes.sizeof(ctypes.c_long)
    status = ctypes.c_int.from_buffer(state, 5 * longs).value
    return not status & _UNSYNCHRONISED


def listeners(sections: Sequence["ListenerSection"]) -> Iterator[Finding]:
    """See that somebody answers where bounces are to be received."""
    for section in sections:
        for text in section.listen:
            place, subject = place_of(text), f"listener {text}"
            if place.activated is not None:
                yield well(subject, "is opened by systemd")
                continue
            try:
                greeting = _greeting(place.path, place.host, place.port)
            except OSError as error:
                why = error.strerror or str(error) or type(error).__name__
                yield wrong(
                    subject, f"nobody answers ({why})", "start it: `systemctl start dsnwatch`"
                )
                continue
            if greeting.startswith("220"):
                yield well(subject, greeting)
            else:
                yield wrong(subject, f"says '{greeting}'", "see which program has that port")


def _greeting(path: Path | None, host: str, port: int) -> str:
    if path is not None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as there:
            there.settimeout(_GREETING_SECONDS)
            there.connect(str(path))
            return _line(there)
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  where we ask, not bind
    with socket.create_connection((local, port), _GREETING_SECONDS) as there:
        return _line(there)


def _line(there: socket.socket) -> str:
    said = there.recv(512).decode("ascii", "replace")
    there.sendall(b"QUIT\r\n")
    return said.splitlines()[0] if said else ""


def daemon(store: "Store", node: str, parts: Sequence[str], now: datetime) -> Iterator[Finding]:
    """See that the daemon of this machine runs what the configuration asks for."""
    if not parts:
        return
    said = [each for each in store.daemons() if each.node == node and now - each.at < FRESH]
    if not said:
        yield wrong(
            "daemon",
            f"does not run, and so nothing does of {', '.join(parts)}",
            "start it: `systemctl start dsnwatch`, or `dsnwatch run`",
        )
        return
    runs = DaemonFigures.from_json(said[0].figures)
    says = f"runs, as it said {int((now - said[0].at).total_seconds())} s ago"
    if lacking := [part for part in parts if part not in runs.parts]:
        yield look(
            "daemon",
            f"{says}, but not {', '.join(lacking)}",
            "it has not read the configuration since: `systemctl reload dsnwatch`",
        )
    elif runs.version != __version__:
        yield look(
            "daemon",
            f"{says}, but as {runs.version}, and this is {__version__}",
            "it was upgraded and not started anew: `systemctl restart dsnwatch`",
        )
    else:
        yield well("daemon", says)


def hooks(store: "Store", names: Sequence[str]) -> Iterator[Finding]:
    """See that every hook tells what it is to tell."""
    if not names:
        return
    with store.deliveries(readonly=True) as looked:
        found = [(looked.state(name), looked.backlog(name)) for name in names]
    for state, backlog in found:
        subject = f"hook {state.name}"
        if state.paused:
            yield look(subject, "is paused", f"go on: `dsnwatch hooks resume {state.name}`")
        elif state.failures:
            yield wrong(
                subject,
                f"failed {state.failures:,} times in a row: {state.error}",
                f"mend that, then `dsnwatch hooks test {state.name}`",
            )
        elif backlog.dead:
            yield look(
                subject,
                f"could not tell {backlog.dead:,} events",
                f"`dsnwatch hooks dead {state.name}` shows them, `hooks replay` tells them again",
            )
        else:
            yield well(subject, f"told {state.delivered:,}, {backlog.waiting:,} wait")


def matters(store: "Store") -> Iterator[Finding]:
    """Give what is the matter now, by the alerts."""
    for entry in alerts_and_holds(store):
        cure = (
            "`dsnwatch holds list`" if entry.alert.kind == "hold" else "see `dsnwatch docs figures`"
        )
        yield look(f"alert {entry.alert.name}", entry.alert.summary, cure)
