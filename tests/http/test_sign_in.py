"""Whoever tries to sign in again and again with what is no token has to wait."""

from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from dsnwatch.http.attempts import REMEMBERED, TRIES, WITHIN, Attempts, client_of
from dsnwatch.model import Scope
from tests.http.builders import Clock, Place

WRONG = "dsnw_aaaaaaaa_" + "a" * 32
PROXIED = '[web]\nproxy_user_header = "X-Remote-User"\nproxy_from = ["192.0.2.7"]\n'


def tries(looking: TestClient, times: int, **headers: str) -> list[int]:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return [
        looking.post("/sign-in", data={"token": WRONG}, headers=told).status_code
        for _ in range(times)
    ]


def test_too_many_wrong_tokens_have_a_client_wait(place: Place) -> None:
    looking = TestClient(place.app)
    assert tries(looking, TRIES) == [403] * TRIES
    answer = looking.post("/sign-in", data={"token": place.token(Scope.READ)})
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == str(int(WITHIN.total_seconds()))
    assert answer.headers["content-type"] == "application/problem+json"
    page = looking.post("/sign-in", data={"token": WRONG}, headers={"Accept": "text/html"})
    assert page.status_code == 429
    assert page.headers["retry-after"]
    assert "wait 5 min" in page.text


def test_one_who_waited_gets_in(place: Place) -> None:
    looking = TestClient(place.app, follow_redirects=False)
    tries(looking, TRIES)
    place.clock.move(WITHIN)
    assert looking.post("/sign-in", data={"token": place.token(Scope.READ)}).status_code == 303
    assert tries(looking, TRIES) == [403] * TRIES


def test_other_client_is_let_in_meanwhile(place: Place) -> None:
    tries(TestClient(place.app), TRIES)
    other = TestClient(place.app, client=("192.0.2.99", 5000))
    assert tries(other, 1) == [403]


def test_header_of_a_proxy_counts_where_the_proxy_is_trusted(tmp_path: Path) -> None:
    app = Place(tmp_path, PROXIED).app
    proxy = TestClient(app, client=("192.0.2.7", 5000))
    assert tries(proxy, TRIES + 1, x_forwarded_for="198.51.100.1")[-1] == 429
    assert tries(proxy, 1, x_forwarded_for="198.51.100.2") == [403]
    stranger = TestClient(app, client=("192.0.2.8", 5000))
    assert tries(stranger, TRIES, x_forwarded_for="198.51.100.3") == [403] * TRIES
    assert tries(stranger, 1, x_forwarded_for="198.51.100.4") == [429]


@pytest.mark.parametrize(
    ("peer", "forwarded", "believed", "name"),
    [
        ("192.0.2.7", "198.51.100.1", False, "192.0.2.7"),
        ("192.0.2.7", "10.0.0.1, 198.51.100.1", True, "198.51.100.1"),
        ("192.0.2.7", "", True, "192.0.2.7"),
        ("192.0.2.7", "<script>", True, "192.0.2.7"),
        ("2001:db8:1:2:3::4", "", False, "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "", False, "192.0.2.7"),
        (None, "", True, "unix"),
    ],
)
def test_client_is_known_by_its_address(
    peer: str | None, forwarded: str, name: str, *, believed: bool
) -> None:
    assert client_of(peer, forwarded, believed=believed) == name


def test_no_more_clients_are_remembered_than_there_is_room_for() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for number in range(REMEMBERED + 10):
        for _ in range(TRIES):
            attempts.failed(str(number))
        clock.move(timedelta(microseconds=1))
    waiting = sum(bool(attempts.wait(str(number))) for number in range(REMEMBERED + 10))
    assert waiting == REMEMBERED
