"""API and pages answer from PostgreSQL as they do from a file."""

from contextlib import closing
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from dsnwatch.model import Scope
from dsnwatch.store import open_store
from tests.http.builders import OPENED, Place, unbroken
from tests.servers import postgresql
from tests.store.builders import an_event

pytestmark = pytest.mark.server

FIXTURES = ("dsn/postfix/unknown-user.eml", "dsn/outlook/s3150-block-list.eml")


def test_pages_and_calls_answer_from_postgresql(tmp_path: Path) -> None:
    with postgresql.running() as server:
        place = Place(tmp_path, url=server.a_store())
        place.takes_in(*FIXTURES)
        looking = TestClient(place.app)
        looking.post("/sign-in", data={"token": place.token(Scope.ADMIN)})
        stored = next(iter(place.store.events()))
        address = stored.event.attribution.recipient
        for path in (
            "/",
            "/trends?by=domain",
            "/todo",
            "/review",
            f"/address?a={address}",
            f"/event/{stored.id}",
            "/search?q=example.com",
        ):
            answer = looking.get(path)
            assert (path, answer.status_code) == (path, 200)
            assert "<h1" in answer.text
        near = looking.get("/search/near", params={"q": address[:3]})
        assert address in unbroken(near.text)
        asking = place.asks(Scope.ADMIN)
        told = asking.get("/v1/check", params={"address": address}).json()
        assert told["suppressed"] is True
        newest = asking.get("/v1/events", params={"order": "newest", "limit": 1}).json()
        assert newest["next"] is not None
        added = asking.post("/v1/suppressions", json={"addresses": ["bob@example.com"]}).json()
        assert added == {"added": ["bob@example.com"], "unchanged": 0}
        first = asking.get("/v1/suppressions", params={"limit": 1}).json()
        after = {"cursor": first["next"]}
        assert asking.get("/v1/suppressions", params=after).json()["next"] is None
        place.desk.lookups.close()
        while OPENED:
            OPENED.pop().close()


def test_program_that_follows_is_given_what_is_committed_late_once(tmp_path: Path) -> None:
    with postgresql.running() as server:
        place = Place(tmp_path, url=server.a_store())
        place.takes_in(FIXTURES[0])
        asking, query = place.asks(Scope.READ), {"order": "stored"}

        def come() -> list[str]:
            answer = asking.get("/v1/events", params=query).json()
            query["cursor"] = answer["next"]
            return [each["id"] for each in answer["items"]]

        assert come() == []
        early, late = an_event(), an_event()
        with closing(open_store(place.store.url)) as other:
            with other.write(beside=True) as writer:
                writer.add_events([early])
                with place.store.write(beside=True) as beside:
                    beside.add_events([late])
                assert (come(), come()) == ([late.id], [])
            assert (come(), come()) == ([early.id], [])
        place.desk.lookups.close()
        while OPENED:
            OPENED.pop().close()
