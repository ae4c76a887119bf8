"""Who sits at the keyboard, for the audit log."""

import os
import pwd


def who() -> str:
    """Name the person at the keyboard for the audit log: `cli:anne`."""
    if behind := os.environ.get("SUDO_USER"):
        return f"cli:{behind}"
    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"cli:{os.getuid()}"
