"""What strangers write: strategies and one way to count work instead of time."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from hypothesis import strategies as st

LABEL = st.from_regex(r"[a-z](?:[a-z0-9\-]{0,10}[a-z0-9])?", fullmatch=True)
DOMAIN = st.lists(LABEL, min_size=2, max_size=4).map(".".join)
LOCAL = st.from_regex(
    r"[A-Za-z0-9](?:[A-Za-z0-9.!#$%&*/=?^_{}~\-]{0,20}[A-Za-z0-9])?", fullmatch=True
)
ADDRESS = st.builds("{}@{}".format, LOCAL, DOMAIN)
VALUE = st.from_regex(r"[!-~](?:[ -~]{0,40}[!-~])?", fullmatch=True)
NAME = st.from_regex(r"[A-Za-z](?:[A-Za-z0-9\-]{0,20}[A-Za-z0-9])?", fullmatch=True)
LINE_END = st.sampled_from(["\n", "\r\n", "\r"])

MAILISH = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [
                b"\n",
                b"\r\n",
                b"\r",
                b"\n\n",
                b"--",
                b"--=b",
                b"--=b--",
                b" ",
                b"\t",
                b"<",
                b">",
                b"@",
                b":",
                b";",
                b"=?",
                b"?=",
                b"\0",
                b"550 5.1.1",
                b"4.2.2",
                b"anne@example.org",
                b"Final-Recipient: rfc822;",
                b"Action: failed",
                b"Status: 5.1.1",
                b"Content-Type: ",
                b"multipart/report; boundary==b",
                b"message/delivery-status",
                b"text/html",
                b"Content-Transfer-Encoding: base64",
                b"charset=",
                b"From: MAILER-DAEMON",
                b"Subject: Undelivered",
                b"<style",
                b"</style",
                b"Diagnostic-Code: smtp; ",
            ]
        ),
    ),
    max_size=60,
).map(b"".join)
"""Octets that are seldom a message and often nearly one."""


def work(act: Callable[[], Any]) -> int:
    """Count the lines of Python that run; the measure that no busy machine falsifies."""
    lines = 0

    def trace(_frame: FrameType, event: str, _argument: object) -> Any:  # noqa: ANN401  as settrace has it
        nonlocal lines
        lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
    return lines


def grows_with_length(act: Callable[[int], Any], small: int = 200) -> bool:
    """Whether eight times the input makes no more than some ten times the work.

    Args:
        act: Takes a size and does the work for an input of that size.
        small: The smaller size.
    """
    return work(lambda: act(8 * small)) <= 10 * work(lambda: act(small)) + 1000
