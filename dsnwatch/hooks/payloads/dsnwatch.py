"""Our own words: the event as docs/events/ has it, one to a delivery."""

from collections.abc import Sequence

from dsnwatch.hooks.payloads import Body, Context
from dsnwatch.records import News


def render(news: Sequence[News], context: Context) -> Body:  # noqa: ARG001  the format's signature
    """Give the payload as it was written when the event happened."""
    (only,) = news
    return Body(only.payload.encode())
