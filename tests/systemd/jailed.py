"""Run a command with the system calls that a unit leaves it: `jailed.py UNIT COMMAND ...`.

What systemd does by SystemCallFilter=, MemoryDenyWriteExecute= and RestrictAddressFamilies=, done
where no systemd runs; by libseccomp, as systemd does it. The rest of the unit is not done here.

Source: systemd.exec(5); seccomp_rule_add(3).
"""

import ctypes
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | 1  # EPERM
EQUAL, MASKED_EQUAL = 4, 7
WRITE, EXECUTE = 2, 4
IMPLIED = ("@default", "execve", "exit", "exit_group", "getrlimit", "rt_sigreturn", "sigreturn")
"""Allowed by every list of what is allowed."""

FAMILIES = {"AF_UNIX": socket.AF_UNIX, "AF_INET": socket.AF_INET, "AF_INET6": socket.AF_INET6}


class Comparison(ctypes.Structure):
    """An argument of a system call, and what it must be."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("how", ctypes.c_int),
        ("one", ctypes.c_uint64),
        ("two", ctypes.c_uint64),
    )


def calls_of(name: str) -> Iterator[str]:
    """Give the system calls of a set of systemd's."""
    if not name.startswith("@"):
        yield name
        return
    command = ["systemd-analyze", "syscall-filter", "--no-pager", name]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603  ours
    for line in listed.splitlines():
        if line.startswith(" ") and not line.strip().startswith("#"):
            yield from calls_of(line.strip())


def allowed_by(unit: str) -> tuple[set[str], list[int]]:
    """Read which system calls and which families of addresses a unit allows."""
    calls, families = {call for name in IMPLIED for call in calls_of(name)}, []
    with open(unit, encoding="utf-8") as file:  # noqa: PTH123  as short as this is meant to be
        for line in file:
            key, _, value = line.strip().partition("=")
            if key == "SystemCallFilter":
                named = {c for name in value.lstrip("~").split() for c in calls_of(name)}
                calls = calls - named if value.startswith("~") else calls | named
            elif key == "RestrictAddressFamilies":
                families = [int(FAMILIES[name]) for name in value.split()]
    return calls, families


def shut_in(calls: set[str], families: list[int]) -> None:
    """Refuse this process, and what it starts, all other system calls."""
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(REFUSE))

    def allow(name: str, *comparisons: Comparison) -> None:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:
            given = (Comparison * len(comparisons))(*comparisons)
            done = library.seccomp_rule_add_array(context, ALLOW, number, len(comparisons), given)
            assert done == 0, (name, done)

    special = {"mmap", "mprotect", "pkey_mprotect", "socket"}
    for name in sorted(calls - special):
        allow(name)
    for rights in (0, WRITE, EXECUTE):  # all but both
        allow("mmap", Comparison(2, MASKED_EQUAL, WRITE | EXECUTE, rights))
    for name in ("mprotect", "pkey_mprotect"):
        allow(name, Comparison(2, MASKED_EQUAL, EXECUTE, 0))
    for family in families:
        allow("socket", Comparison(0, EQUAL, family, 0))
    assert library.seccomp_load(context) == 0


if __name__ == "__main__":
    shut_in(*allowed_by(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606  that is what it is for
