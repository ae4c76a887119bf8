"""What every hook must do, whatever it tells.

A new kind makes a subclass of `HookContract` whose name begins with `Test`, says there how to
make one and what the other side has got, and so inherits these tests.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from dsnwatch.config.hook import HookSection
from dsnwatch.errors import HookError
from dsnwatch.hooks import Delivery, Hook
from dsnwatch.records import DecisionAction, News
from tests.hooks.events import NOW, a_change, a_failure

Got = Callable[[], list[str]]
"""Gives the ids of the events that the other side has got so far, in order."""

ODD = {
    "line_ends": 'a\r\nBcc: x@example.org\r\n\r\n.\r\n"@example.org',
    "controls": "\x00\x1b[2J\u202e@example.org",
    "half_a_character": "\ud800@example.org",
    "a_shell": "$(touch /tmp/x);`id`|true@example.org",
    "long": "x" * 100_000 + "@example.org",
    "empty": "",
}


def id_of(number: int) -> str:
    return f"01KN6NBV4G{number:016}"


def numbered(count: int) -> tuple[News, ...]:
    return tuple(a_failure(id_=id_of(number)) for number in range(count))


class HookContract(ABC):
    """The tests; `well` and `down` make hooks."""

    @abstractmethod
    def well(self, place: Path) -> AbstractContextManager[tuple[Hook, Got]]:
        """Make a hook whose other side is well, with an empty folder to use."""

    @abstractmethod
    def down(self, place: Path) -> AbstractContextManager[Hook]:
        """Make a hook whose other side is not there."""

    @pytest.fixture
    def told(self, tmp_path: Path) -> Iterator[tuple[Hook, Got]]:
        with self.well(tmp_path) as (hook, got):
            yield hook, got
            hook.close()

    def test_what_it_returns_from_the_other_side_has(self, told: tuple[Hook, Got]) -> None:
        hook, got = told
        hook.deliver(Delivery((a_failure(),), 1, NOW))
        assert got() == [a_failure().id]

    def test_events_arrive_in_the_order_they_are_told(self, told: tuple[Hook, Got]) -> None:
        hook, got = told
        for news in numbered(5):
            hook.deliver(Delivery((news,), 1, NOW))
        assert got() == [id_of(number) for number in range(5)]

    def test_a_list_arrives_whole_and_in_order(self, told: tuple[Hook, Got]) -> None:
        hook, got = told
        news = numbered(min(hook.batch, 7))
        hook.deliver(Delivery(news, 1, NOW))
        assert got() == [each.id for each in news]

    @pytest.mark.parametrize("address", ODD.values(), ids=ODD.keys())
    def test_whatever_strangers_wrote_arrives(self, told: tuple[Hook, Got], address: str) -> None:
        hook, got = told
        news = a_failure(recipient=address, diagnostic=address)
        hook.deliver(Delivery((news,), 1, NOW))
        assert got() == [news.id]

    @pytest.mark.parametrize(
        "news",
        [a_failure(action=DecisionAction.IGNORE), a_change(), a_change("suppression.removed")],
        ids=lambda news: news.type,
    )
    def test_events_of_all_kinds_arrive(self, told: tuple[Hook, Got], news: News) -> None:
        hook, got = told
        hook.deliver(Delivery((news,), 1, NOW))
        assert got() == [news.id]

    def test_who_is_not_there_is_told_later(self, tmp_path: Path) -> None:
        with self.down(tmp_path) as hook:
            for attempt in (1, 2):
                with pytest.raises(HookError) as caught:
                    hook.deliver(Delivery((a_failure(),), attempt, NOW))
                assert str(caught.value).isprintable()
            hook.close()

    def test_it_says_how_much_it_takes_and_how_long(self, told: tuple[Hook, Got]) -> None:
        hook, _ = told
        assert hook.batch >= 1
        assert hook.timeout.total_seconds() > 0
        assert hook.every.total_seconds() >= 0

    def test_closing_twice_does_nothing(self, told: tuple[Hook, Got]) -> None:
        hook, _ = told
        hook.close()
        hook.close()


def a_section(kind: str, **said: object) -> HookSection:
    """Give a section of one kind."""
    return HookSection.model_validate({"name": "crm", "kind": kind} | said)
