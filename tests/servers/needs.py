"""What a test needs on this machine; where it is not there, the test is skipped."""

import os
from pathlib import Path
from shutil import which

import pytest

SERVER_PATHS = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/sbin"


def need(*programs: str, root: bool = False) -> list[Path]:
    """Find programs, or skip the test with a plain reason.

    With DSNWATCH_REQUIRE_SERVERS=1 what would be skipped fails instead.

    Args:
        programs: Their names.
        root: Whether the test must run as root.
    """
    found = {name: which(name, path=SERVER_PATHS) for name in programs}
    lacking = [name for name, path in found.items() if path is None]
    why = ""
    if lacking:
        why = f"not installed: {', '.join(lacking)}"
    elif root and os.geteuid() != 0:
        why = "needs root"
    if why:
        lacking_is(why)
    return [Path(path) for path in found.values() if path is not None]


def lacking_is(why: str) -> None:
    """Skip the test for this reason, or fail where nothing may be skipped."""
    if os.environ.get("DSNWATCH_REQUIRE_SERVERS") == "1":
        pytest.fail(f"{why}, and DSNWATCH_REQUIRE_SERVERS=1 wants it")
    pytest.skip(why)
