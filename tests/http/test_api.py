"""The API says and does what the commands say and do, to those who may."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dsnwatch.http.cursors import written
from dsnwatch.http.guard import KIB, SIZES
from dsnwatch.model import RawMessage, Scope
from dsnwatch.records import Suppression
from dsnwatch.store import Hold
from tests.http.builders import NOW, Place, forge

HARD = "dsn/postfix/unknown-user.eml"
BLOCK = "dsn/outlook/s3150-block-list.eml"


def suppress(place: Place, *addresses: str, stream: str = "") -> None:
    rows = [
        Suppression(each, "user_unknown", "bounce", "hard", NOW, stream=stream)
        for each in addresses
    ]
    with place.store.write() as writer:
        writer.put_suppressions(rows)


def test_one_address_is_told_as_the_command_tells_it(place: Place) -> None:
    suppress(place, "anne@example.com")
    asking = place.asks(Scope.CHECK)
    assert asking.get("/v1/check", params={"address": "Anne@Example.COM"}).json() == {
        "address": "anne@example.com",
        "suppressed": True,
        "stream": "",
        "reason": "user_unknown",
        "since": "2026-11-20T12:00:00Z",
        "until": None,
        "event_id": None,
        "rule": "hard",
    }
    free = asking.get("/v1/check", params={"address": "bob@example.com"}).json()
    assert free == {"address": "bob@example.com", "suppressed": False}


def test_ten_thousand_addresses_are_told_at_once_and_no_more(place: Place) -> None:
    suppress(place, "u7@example.com")
    asking = place.asks(Scope.CHECK)
    many = [f"u{n}@example.com" for n in range(9_999)]
    told = asking.post("/v1/check", json={"addresses": [*many, "nonsense"]}).json()
    assert told["suppressed"] == 1
    assert told["invalid"] == ["nonsense"]
    assert [each["address"] for each in told["results"]] == many
    more = asking.post("/v1/check", json={"addresses": ["a@example.com"] * 10_001})
    assert more.status_code == 422


def test_what_is_no_address_is_a_problem(place: Place) -> None:
    answer = place.asks(Scope.CHECK).get("/v1/check", params={"address": "anne"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "'anne' is no address; write name@domain"


@pytest.mark.parametrize(
    ("scope", "method", "path", "status"),
    [
        (Scope.CHECK, "GET", "/v1/check?address=a@example.com", 200),
        (Scope.CHECK, "GET", "/v1/suppressions", 403),
        (Scope.READ, "GET", "/v1/check?address=a@example.com", 200),
        (Scope.READ, "GET", "/v1/events", 200),
        (Scope.READ, "POST", "/v1/suppressions", 403),
        (Scope.WRITE, "GET", "/v1/events", 403),
        (Scope.WRITE, "POST", "/v1/suppressions", 422),
        (Scope.WRITE, "POST", "/v1/hooks/crm/pause", 403),
        (Scope.ADMIN, "GET", "/v1/events", 200),
        (Scope.ADMIN, "POST", "/v1/hooks/crm/pause", 422),
    ],
)
def test_scope_lets_one_do_this_much(
    place: Place, scope: Scope, method: str, path: str, status: int
) -> None:
    assert place.asks(scope).request(method, path).status_code == status


@pytest.mark.parametrize(
    "said", ["", "Bearer", "Bearer x", "Bearer dsnw_aaaaaaaa_" + "a" * 32, "Basic YTpi"]
)
def test_nobody_comes_in_without_a_token(place: Place, said: str) -> None:
    answer = place.asks().get("/v1/events", headers={"Authorization": said} if said else {})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["status"] == 401


def test_revoked_token_lets_nobody_in_two_seconds_later(place: Place) -> None:
    asking = place.asks(Scope.READ)
    assert asking.get("/v1/events").status_code == 200
    (token,) = place.store.tokens()
    with place.store.write() as writer:
        writer.remove_token(token.id)
    place.clock.move(timedelta(seconds=3))
    assert asking.get("/v1/events").status_code == 401


def test_token_that_has_run_out_lets_nobody_in(place: Place) -> None:
    text = place.token(Scope.READ, until=NOW + timedelta(days=1))
    asking = place.asks()
    asking.headers["Authorization"] = f"Bearer {text}"
    assert asking.get("/v1/events").status_code == 200
    place.clock.move(timedelta(days=2))
    assert asking.get("/v1/events").status_code == 401


def test_secrets_are_nowhere_in_the_store(place: Place, tmp_path: Path) -> None:
    secret = place.token(Scope.READ).rpartition("_")[2]
    place.store.close()
    assert not any(secret.encode() in path.read_bytes() for path in tmp_path.glob("a.db*"))


def test_last_use_is_written_down(place: Place) -> None:
    asking = place.asks(Scope.READ)
    asking.get("/v1/events")
    assert [token.used_at for token in place.store.tokens()] == [NOW]


def test_list_is_gone_through_once_while_others_write(place: Place) -> None:
    suppress(place, *(f"u{n:02}@example.com" for n in range(20)))
    asking, seen, cursor = place.asks(Scope.READ), [], ""
    while True:
        query = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = asking.get("/v1/suppressions", params=query).json()
        seen += [each["address"] for each in page["items"]]
        with place.store.write() as writer:
            writer.remove_suppressions([(page["items"][0]["address"], "")])
        suppress(place, f"a{len(seen)}@example.com")  # before where it goes on
        if page["next"] is None:
            break
        cursor = page["next"]
    assert seen == [f"u{n:02}@example.com" for n in range(20)]


@pytest.mark.parametrize("cursor", ["x", "W10", "WzFd", "WyJhIl0", "ZZZZ" * 300, "\u00fc"])
def test_cursor_we_never_gave_is_a_problem(place: Place, cursor: str) -> None:
    answer = place.asks(Scope.READ).get("/v1/suppressions", params={"cursor": cursor})
    assert answer.status_code == 422
    assert "next" in answer.json()["detail"]


def test_program_that_follows_is_given_each_event_once(place: Place) -> None:
    place.takes_in(HARD)
    asking = place.asks(Scope.READ)
    query = {"order": "stored", "class": "block", "limit": "1"}
    begin = asking.get("/v1/events", params=query).json()
    assert begin["items"] == []
    place.takes_in(BLOCK)
    first = asking.get("/v1/events", params=query | {"cursor": begin["next"]}).json()
    assert [each["class"] for each in first["items"]] == ["block"]
    again = asking.get("/v1/events", params=query | {"cursor": first["next"]}).json()
    assert again["items"] == []
    assert again["next"] is not None


@pytest.mark.parametrize("number", ["", "-1", "x", "\u0661", "9" * 30])
def test_place_we_never_gave_is_a_problem(place: Place, number: str) -> None:
    query = {"order": "stored", "cursor": written((number, ""))}
    answer = place.asks(Scope.READ).get("/v1/events", params=query)
    assert answer.status_code == 422
    assert "next" in answer.json()["detail"]


def test_place_of_before_the_store_was_restored_is_told(place: Place) -> None:
    query = {"order": "stored", "cursor": written(("7", ""))}
    answer = place.asks(Scope.READ).get("/v1/events", params=query)
    assert answer.status_code == 409
    assert "restored" in answer.json()["detail"]


def test_addresses_are_added_and_removed_with_their_reason(place: Place) -> None:
    asking = place.asks(Scope.WRITE, Scope.READ, name="crm")
    body = {"addresses": ["Bob@example.com", "bob@example.com"], "because": "phoned"}
    assert asking.post("/v1/suppressions", json=body).json() == {
        "added": ["bob@example.com"],
        "unchanged": 0,
    }
    assert asking.post("/v1/suppressions", json=body).json() == {"added": [], "unchanged": 1}
    (row,) = asking.get("/v1/suppressions").json()["items"]
    assert (row["address"], row["note"]) == ("bob@example.com", "phoned")
    gone = asking.post(
        "/v1/suppressions/remove",
        json={"addresses": ["bob@example.com", "eve@example.com"], "because": "came back"},
    )
    assert gone.json() == {"removed": ["bob@example.com"], "absent": 1}
    assert place.store.suppression("bob@example.com") is None
    assert asking.post(
        "/v1/suppressions/remove", json={"addresses": ["bob@example.com"], "because": " "}
    ).status_code == 422  # fmt: skip


def test_list_goes_out_and_comes_in_again(place: Place, tmp_path: Path) -> None:
    suppress(place, "anne@example.com", "=cmd@example.com")
    asking = place.asks(Scope.ADMIN)
    (tmp_path / "other").mkdir()
    other = Place(tmp_path / "other")
    text = asking.get("/v1/suppressions/export").text
    assert "\n'=cmd@example.com," in text
    there = other.asks(Scope.ADMIN)
    first = there.post("/v1/suppressions/import?dry_run=true", content=text.encode()).json()
    assert first == {"rows": 2, "written": 2, "batch": None, "dry_run": True}
    assert not [*other.store.suppressions()]
    there.post("/v1/suppressions/import", content=text.encode())
    lines = [
        asked.get("/v1/suppressions/export", params={"format": "json"}).text
        for asked in (asking, there)
    ]
    assert lines[0] == lines[1]
    assert len(lines[0].splitlines()) == 2


def test_row_that_is_wrong_takes_nothing_in(place: Place) -> None:
    answer = place.asks(Scope.WRITE).post(
        "/v1/suppressions/import", content=b"address\nanne@example.com\nnonsense\n"
    )
    assert answer.status_code == 422
    assert "line 3" in answer.json()["detail"]
    assert not [*place.store.suppressions()]


def test_list_that_would_silence_the_living_is_refused(place: Place) -> None:
    asking = place.asks(Scope.WRITE)
    people = [f"user{number}@example.com" for number in range(20)]
    at = "2026-11-01T11:00:00Z"
    asking.post("/v1/life", json={"signs": [{"address": one, "at": at} for one in people]})
    text = "\n".join(["address", *people])
    refused = asking.post("/v1/suppressions/import", content=text)
    assert refused.status_code == 409
    assert "would suppress 20 of 20 addresses" in refused.json()["detail"]
    assert not [*place.store.suppressions()]
    taken = asking.post("/v1/suppressions/import?allow=1", content=text).json()
    assert taken["written"] == 20
    assert {row.batch for row in place.store.suppressions()} == {taken["batch"]}


def test_events_are_found_by_what_they_say(place: Place) -> None:
    place.takes_in(HARD, BLOCK)
    asking = place.asks(Scope.READ)

    def reasons(**wanted: str) -> list[str]:
        found = asking.get("/v1/events", params=wanted).json()["items"]
        return [each["reason"] for each in found]

    assert reasons() == ["user_unknown", "reputation"]
    assert reasons(order="newest") == ["reputation", "user_unknown"]
    assert reasons(**{"class": "block"}) == ["reputation"]
    assert reasons(provider="outlook") == ["reputation"]
    assert reasons(reason="user_unknown") == ["user_unknown"]
    assert reasons(until="2001-01-01") == []
    assert asking.get("/v1/events", params={"class": "hrad"}).status_code == 422


def test_event_leads_to_its_message_and_bytes(place: Place) -> None:
    place.takes_in(HARD)
    asking = place.asks(Scope.READ)
    (event,) = asking.get("/v1/events").json()["items"]
    assert asking.get(f"/v1/events/{event['id']}").json() == event
    message = asking.get(f"/v1/messages/{event['message_id']}").json()
    assert message["source"] == HARD
    raw = asking.get(f"/v1/messages/{message['id']}/raw")
    assert raw.content.startswith(b"Received: ")
    assert raw.headers["content-type"] == "message/rfc822"
    assert raw.headers["content-disposition"].startswith("attachment")
    assert raw.headers["x-content-type-options"] == "nosniff"
    assert asking.get("/v1/messages/none/raw").status_code == 404
    assert asking.get("/v1/events/none").status_code == 404


def test_hold_is_dropped_or_let_through(place: Place) -> None:
    asking = place.asks(Scope.WRITE, Scope.READ, name="anne")
    with place.store.write() as writer:
        writer.add_holds([Hold("01K0000000000000000000000A", "flood", "flood", NOW, "too many")])
    (hold,) = asking.get("/v1/holds").json()["items"]
    assert asking.get(f"/v1/holds/{hold['id']}/events").json() == {"items": []}
    done = asking.post(f"/v1/holds/{hold['id']}/drop", json={"because": "forged"})
    assert done.json() == {"done": 0}
    assert asking.get("/v1/holds").json() == {"items": []}
    again = asking.post(f"/v1/holds/{hold['id']}/release", json={"because": "x"})
    assert again.status_code == 404


def test_quarantined_message_is_read_again_or_dropped(place: Place) -> None:
    asking = place.asks(Scope.WRITE, Scope.READ)
    for number in (1, 2):
        raw = RawMessage(b"Subject: %d\n\nx\n" % number, "here", "eml", vouched=True)
        with place.store.write() as writer:
            writer.add_quarantine(
                f"01K000000000000000000000{number}A", raw, raw.fingerprint, ("odd",), NOW
            )
    items = asking.get("/v1/quarantine").json()["items"]
    assert [each["defects"] for each in items] == [["odd"], ["odd"]]
    first, second = (each["id"] for each in items)
    assert asking.get(f"/v1/quarantine/{first}/raw").content == b"Subject: 1\n\nx\n"
    assert asking.post(f"/v1/quarantine/{first}/retry").json()["read"] is True
    dropped = asking.post(f"/v1/quarantine/{second}/drop", json={"because": "junk"})
    assert dropped.json() == {"done": 1}
    assert asking.get("/v1/quarantine").json()["items"] == []
    assert asking.get(f"/v1/quarantine/{second}").status_code == 404


def test_what_was_sent_counts_once(place: Place) -> None:
    asking = place.asks(Scope.WRITE, Scope.READ)
    told = {"facts": [{"time": "2026-11-20T11:00:00Z", "count": 500, "campaign": "spring"}]}
    assert asking.post("/v1/sent", json=told).json()["messages"] == 500
    assert asking.post("/v1/sent", json=told).json()["messages"] == 0
    assert asking.get("/v1/sent", params={"since": "2026-11-01"}).json()["items"] == [
        {"stream": "", "campaign": "spring", "messages": 500}
    ]
    wrong = asking.post("/v1/sent", json={"facts": [{"time": "never"}]})
    assert wrong.status_code == 422
    assert wrong.json()["detail"].startswith("facts.0: 'never' is no moment")


def test_sign_of_life_is_noted(place: Place) -> None:
    signs = {"signs": [{"address": "anne@example.com", "at": "2026-11-20T11:00:00Z"}]}
    told = place.asks(Scope.WRITE).post("/v1/life", json=signs)
    assert told.json() == {"noted": 1, "freed": []}
    with place.store.look() as looked:
        assert "anne@example.com" in looked.life_of(["anne@example.com"])


def test_hook_is_paused_resumed_and_told_again(tmp_path: Path) -> None:
    place = Place(
        tmp_path, '[web]\n[[hook]]\nname = "crm"\nkind = "exec"\ncommand = ["/bin/true"]\n'
    )
    place.takes_in(HARD)
    asking = place.asks(Scope.ADMIN, name="anne")
    (hook,) = asking.get("/v1/hooks").json()["items"]
    assert (hook["hook"], hook["state"], hook["kind"]) == ("crm", "well", "exec")
    assert asking.post("/v1/hooks/crm/pause", json={}).json()["state"] == "paused"
    assert asking.post("/v1/hooks/crm/resume", json={}).json()["state"] == "well"
    assert asking.get("/v1/hooks/crm/dead").json() == {"items": [], "next": None}
    replayed = asking.post("/v1/hooks/crm/replay", json={"since": "2000-01-01T00:00:00Z"})
    assert replayed.json()["events"] > 0
    assert asking.post("/v1/hooks/crm/replay", json={"ids": ["x"]}).status_code == 422
    assert asking.post("/v1/hooks/other/pause", json={}).status_code == 404


def test_line_and_message_are_explained(place: Place) -> None:
    asking = place.asks(Scope.READ)
    tried = asking.post("/v1/rules/try", json={"text": "550 5.1.1 no such user"}).json()
    assert (tried["reason"], tried["class"], tried["fault"]) == (
        "user_unknown",
        "hard",
        "recipient",
    )
    unknown = asking.post("/v1/rules/try", json={"text": "x", "provider": "gogle"})
    assert "did you mean 'google'" in unknown.json()["detail"]
    fixture = Path(__file__).parents[2] / "fixtures" / HARD
    explained = asking.post("/v1/explain", content=fixture.read_bytes()).json()
    assert explained["recipients"][0]["reason"] == "user_unknown"
    assert explained["decisions"][0]["configured"]["action"] == "suppress"


def test_body_that_is_too_large_is_refused(place: Place) -> None:
    asking = place.asks(Scope.READ)
    most = dict(SIZES)["/v1/"]
    told = asking.post("/v1/rules/try", content=b"x" * (most + 1))
    assert told.status_code == 413
    untold = asking.post("/v1/rules/try", content=(b"x" * KIB for _ in range(most // KIB + 1)))
    assert untold.status_code == 413
    assert untold.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"text": 1}', b'{"test": "x"}'])
def test_body_that_cannot_be_meant_is_a_problem(place: Place, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = place.asks(Scope.READ).post("/v1/rules/try", content=body, headers=headers)
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


def test_metrics_want_a_token_unless_they_are_open(place: Place, tmp_path: Path) -> None:
    assert place.asks().get("/metrics").status_code == 401
    assert place.asks(Scope.CHECK).get("/metrics").status_code == 403
    assert "dsnwatch_holds 0.0" in place.asks(Scope.READ).get("/metrics").text
    (tmp_path / "open").mkdir()
    open_ = Place(tmp_path / "open", "[web]\nopen_metrics = true\n")
    assert open_.asks().get("/metrics").status_code == 200


def test_health_is_told_to_everybody(place: Place) -> None:
    asking = place.asks()
    assert asking.get("/healthz").text == "ok\n"
    assert asking.get("/readyz").json() == {"ready": True, "store": "ok", "mailboxes": []}


def test_document_is_openapi_3_1_and_asks_nobody_else(place: Place) -> None:
    document: dict[str, Any] = place.asks().get("/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert "//" not in json.dumps(document).replace("https://json-schema.org", "")
    assert place.asks().get("/docs").status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/", "/sign-in", "/v1/suppressions", "/v1/suppressions/export", "/v1/openapi.json",
     "/healthz", "/metrics", "/static/style.css", "/v1/events/none"],
)  # fmt: skip
def test_head_is_answered_as_get_without_a_body(place: Place, path: str) -> None:
    asking = place.asks(Scope.ADMIN)
    got, headed = asking.get(path), asking.head(path)
    assert headed.status_code == got.status_code
    assert headed.content == b""
    assert headed.headers.get("content-length") == got.headers.get("content-length")
    assert headed.headers["content-type"] == got.headers["content-type"]


def test_head_of_what_is_not_got_is_refused(place: Place) -> None:
    assert place.asks(Scope.ADMIN).head("/v1/suppressions/remove").status_code == 405


def test_forged_reports_have_a_list_and_counts_of_their_own(place: Place) -> None:
    forge(place, 5)
    asking = place.asks(Scope.READ)
    first = asking.get("/v1/backscatter?limit=3").json()
    assert first["counts"] == {"day": 5, "week": 5, "month": 5, "ever": 5}
    rest = asking.get("/v1/backscatter", params={"cursor": first["next"]}).json()
    shown = [each["recipient"] for each in first["items"] + rest["items"]]
    assert shown == [f"u{number}@example.net" for number in reversed(range(5))]
    assert rest["next"] is None
