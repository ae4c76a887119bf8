"""Pages for people: who is let in, what forms need, and that strangers' words harm nobody."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from dsnwatch.http.charts import nice, spark, stacked
from dsnwatch.http.page_today import MANY
from dsnwatch.http.people import SESSION
from dsnwatch.http.render import commands, plain, weblink
from dsnwatch.metrics import ListenerFigures
from dsnwatch.model import BounceClass, Fault, RawMessage, Scope
from tests.http.builders import FIXTURES, NOW, Place, forge, unbroken
from tests.store.builders import a_suppression, a_verdict, an_event

PATHS = (
    "/",
    "/trends",
    "/todo",
    "/review",
    "/review/forged",
    "/search",
    "/address?a=anne@example.com",
)
HARD = "dsn/postfix/unknown-user.eml"


def signed_in(place: Place, *scopes: Scope) -> TestClient:
    """Sign in with a token, as a person does."""
    looking = TestClient(place.app, raise_server_exceptions=False, follow_redirects=False)
    token = place.token(*(scopes or (Scope.ADMIN,)), name="anne")
    answer = looking.post("/sign-in", data={"token": token, "next": "/trends"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/trends")
    return looking


def csrf_of(looking: TestClient, path: str = "/") -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', looking.get(path).text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("path", PATHS)
def test_page_asks_who_is_there(place: Place, path: str) -> None:
    looking = TestClient(place.app, follow_redirects=False)
    answer = looking.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?next=%2F")


@pytest.mark.parametrize("path", PATHS)
def test_page_of_an_empty_store_says_what_to_do_next(place: Place, path: str) -> None:
    answer = signed_in(place).get(path)
    assert answer.status_code == 200
    assert 'class="empty"' in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert " style=" not in answer.text
    assert not re.search(r'(?:src|href)="(?:https?:)?//', answer.text)


def test_session_cookie_is_for_us_alone(place: Place) -> None:
    looking = TestClient(place.app, follow_redirects=False)
    answer = looking.post("/sign-in", data={"token": place.token(Scope.READ)})
    said = answer.headers["set-cookie"].lower()
    assert "httponly" in said
    assert "samesite=strict" in said


def test_wrong_token_signs_nobody_in(place: Place) -> None:
    looking = TestClient(place.app)
    answer = looking.post("/sign-in", data={"token": "dsnw_aaaaaaaa_" + "a" * 32})
    assert answer.status_code == 403
    assert SESSION not in looking.cookies


@pytest.mark.parametrize("to", ["https://evil.example", "//evil.example", "/\\evil.example", "x"])
def test_sign_in_leads_nowhere_outside(place: Place, to: str) -> None:
    looking = TestClient(place.app, follow_redirects=False)
    answer = looking.post("/sign-in", data={"token": place.token(Scope.READ), "next": to})
    assert answer.headers["location"] == "/"


def test_session_ends_with_its_token_and_with_time(place: Place) -> None:
    looking = signed_in(place)
    (token,) = place.store.tokens()
    with place.store.write() as writer:
        writer.remove_token(token.id)
    place.clock.move(timedelta(seconds=3))
    assert looking.get("/").status_code == 303
    again = signed_in(place)
    assert again.get("/").status_code == 200
    place.clock.move(timedelta(hours=13))
    assert again.get("/").status_code == 303


def test_session_is_no_token_for_programs(place: Place) -> None:
    looking = signed_in(place)
    headers = {"Authorization": f"Bearer {looking.cookies[SESSION]}"}
    assert place.asks().get("/v1/events", headers=headers).status_code == 401


def test_signing_out_ends_the_session(place: Place) -> None:
    looking = signed_in(place)
    kept = looking.cookies[SESSION]
    assert looking.post("/sign-out", data={"csrf": "x"}).status_code == 403
    assert looking.post("/sign-out", data={"csrf": csrf_of(looking)}).status_code == 303
    looking.cookies.set(SESSION, kept)
    assert looking.get("/").status_code == 303


def test_form_without_its_token_or_from_elsewhere_changes_nothing(place: Place) -> None:
    looking = signed_in(place)
    csrf = csrf_of(looking)
    form = {"a": "bob@example.com", "because": "phoned"}
    assert looking.post("/address/suppress", data=form).status_code == 403
    other = {"sec-fetch-site": "cross-site"}
    answer = looking.post("/address/suppress", data=form | {"csrf": csrf}, headers=other)
    assert answer.status_code == 403
    assert place.store.suppression("bob@example.com") is None
    assert looking.post("/address/suppress", data=form | {"csrf": csrf}).status_code == 303
    assert place.store.suppression("bob@example.com") is not None


def test_reader_sees_and_changes_nothing(place: Place) -> None:
    place.takes_in(HARD)
    (event,) = place.store.events()
    address = event.event.attribution.recipient
    looking = signed_in(place, Scope.READ)
    page = looking.get("/address", params={"a": address}).text
    assert "Not to be mailed" in page
    assert "Release" not in page
    form = {"a": address, "because": "x", "csrf": csrf_of(looking)}
    assert looking.post("/address/release", data=form).status_code == 403


def test_who_may_only_check_sees_no_page(place: Place) -> None:
    assert signed_in(place, Scope.CHECK).get("/").status_code == 403


@pytest.mark.parametrize(
    ("client", "said", "status"),
    [
        ("127.0.0.1", "anne", 200),
        ("192.0.2.1", "anne", 303),
        ("127.0.0.1", "", 303),
        ("testclient", "anne", 303),
    ],
)
def test_proxy_names_people_where_it_is_believed(
    tmp_path: Path, client: str, said: str, status: int
) -> None:
    place = Place(
        tmp_path, '[web]\nproxy_user_header = "X-Remote-User"\nproxy_from = ["127.0.0.0/8"]\n'
    )
    looking = TestClient(place.app, client=(client, 1), follow_redirects=False)
    looking.headers["X-Remote-User"] = said
    answer = looking.get("/")
    assert answer.status_code == status
    if status == 200:
        assert "<span>anne</span>" in answer.text
        form = {
            "a": "bob@example.com",
            "because": "x",
            "csrf": csrf_of(looking, "/address?a=bob@example.com"),
        }
        assert looking.post("/address/suppress", data=form).status_code == 303


@pytest.mark.parametrize(
    "fixture", sorted(path.stem for path in (FIXTURES / "hostile").glob("*-in-diagnostic.eml"))
)
def test_what_strangers_wrote_harms_nobody(place: Place, fixture: str) -> None:
    place.takes_in(f"hostile/{fixture}.eml")
    looking = signed_in(place)
    (stored,) = place.store.events()
    address = stored.event.attribution.recipient
    for path in (f"/event/{stored.id}", f"/address?a={address}", "/trends", "/todo", "/review"):
        text = looking.get(path).text
        tags = set(re.findall(r"<script[^>]*>", text))
        assert tags == {'<script src="/static/htmx.min.js" defer>'}
        assert not re.search(r"<(?:img|iframe|object|embed|marquee)\b", text)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)


HOSTILE = (
    b'<script>alert(1)</script>"><img src=x onerror=alert(1)>{{ 7*7 }}'
    b"\xe2\x80\xaetxt.exe \x1b[31mred\x1b]0;title\x07 =cmd|' /C calc'!A0 &amp; '"
)


def hostile_report() -> bytes:
    """Write a report with something bad in every field."""
    bad = HOSTILE
    return b"\n".join(
        [
            b"From: MAILER-DAEMON " + bad + b" <x@example.org>",
            b"Subject: " + bad,
            b"Message-ID: <" + bad.replace(b" ", b"") + b"@example.org>",
            b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
            b"",
            b"--b",
            b"",
            bad,
            b"--b",
            b"Content-Type: message/delivery-status",
            b"",
            b"Reporting-MTA: dns; " + bad,
            b"",
            b'Final-Recipient: rfc822; "<script>alert(1)</script>"@example.com',
            b"Action: failed",
            b"Status: 5.1.1",
            b"Remote-MTA: dns; " + bad,
            b"Diagnostic-Code: smtp; 550 5.1.1 no such user " + bad,
            b"",
            b"--b",
            b"Content-Type: message/rfc822",
            b"",
            b"Message-ID: <1@example.com>",
            b"Subject: " + bad,
            b"List-Id: " + bad,
            b"",
            b"--b--",
            b"",
        ]
    )


def test_something_bad_in_every_field_harms_nobody(place: Place) -> None:
    raw = RawMessage(hostile_report(), HOSTILE.decode(), "eml", NOW, "<b>s</b>", vouched=True)
    place.loaded.ingest(place.store).commit([raw])
    looking = signed_in(place)
    (stored,) = place.store.events()
    for path in (
        "/",
        f"/event/{stored.id}",
        "/trends?by=stream",
        "/review",
        "/search?q=example.com",
    ):
        text = looking.get(path).text
        assert "<script>alert" not in text
        assert "<img" not in text
        assert "<b>s" not in text
        assert "\u202e" not in text
        assert "\x1b" not in text
    exported = place.asks(Scope.READ).get("/v1/suppressions/export").text
    assert "\x1b" not in exported


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb", "a\\u202eb"),
        ("\x1b[0m", "\\x1b[0m"),
        ("\ufeffx\u200bx", "\\ufeffx\\u200bx"),
        ("two\nlines\t", "two\nlines\t"),
        ("Jürgen \u5f20", "Jürgen \u5f20"),
    ],
)
def test_what_is_not_seen_is_shown_as_its_escape(text: str, shown: str) -> None:
    assert plain(text) == shown


@pytest.mark.parametrize(
    "text", ["javascript:alert(1)", 'https://x" onclick="y', "data:text/html,x"]
)
def test_only_pages_of_the_web_are_linked_to(text: str) -> None:
    assert "<a" not in str(weblink(text))
    assert "onclick" not in str(weblink(text)).replace("&#34; onclick=&#34;y", "")


def test_charts_say_in_words_what_they_show() -> None:
    drawn = stacked({"hard": (1, 0), "soft": (0, 3)}, (NOW, NOW), timedelta(hours=1), 'a "title"')
    assert 'aria-label="a &#34;title&#34;"' in drawn
    assert "hard 1" in drawn
    assert "style=" not in drawn
    assert spark((), "nothing")
    assert spark((1,) * 168, "a week by the hour").count("v-") <= 60
    assert [nice(value) for value in (0, 2, 5, 11, 99, 100, 101)] == [2, 2, 6, 20, 100, 100, 200]


def test_chart_names_the_latest_day_even_where_it_has_only_begun() -> None:
    starts = [NOW + timedelta(hours=13 + hour) for hour in range(168)]  # from one in the night
    drawn = stacked({"hard": (1,) * 168}, starts, timedelta(hours=1), "a week")
    assert re.findall(r">(\d\d Nov)<", drawn)[0] == f"{starts[-1]:%d %b}"


def test_listeners_show_what_happens_at_them(place: Place) -> None:
    counts = {"message stored": 31, "message deferred": 7}
    place.listeners = [ListenerFigures("listener 1", ("192.0.2.1:25",), 2, counts)]
    today = unbroken(signed_in(place).get("/").text)
    assert "192.0.2.1:25" in today
    assert '<td class="n up">7</td>' in today
    told = place.asks(Scope.READ).get("/metrics").text
    assert 'happened_total{listener="listener 1",what="message stored"} 31.0' in told
    assert 'happened_total{listener="listener 1",what="error"} 0.0' in told


def test_empty_store_says_how_to_begin(place: Place) -> None:
    today = signed_in(place).get("/").text
    assert "Nothing comes in yet" in today
    assert "<code>dsnwatch init</code>" in today


def test_pages_of_the_web_in_a_sentence_are_linked_to() -> None:
    shown = commands("have it taken off: https://x.example/a?b=1&c.")
    assert '<a href="https://x.example/a?b=1&amp;c" rel="noreferrer noopener">' in shown


def test_forged_reports_stand_apart_with_what_to_do(place: Place) -> None:
    forge(place, 51)
    looking = signed_in(place)
    assert "51 in 24 hours" in looking.get("/review").text
    first = unbroken(looking.get("/review/forged").text)
    assert "DMARC" in first
    assert "u50@example.net" in first
    assert "ours@example.net" not in first
    older = re.search(r"/review/forged\?after=[0-9A-Z]+", first)
    assert older is not None
    second = unbroken(looking.get(older[0]).text)
    assert "u0@example.net" in second
    assert "u50@example.net" not in second


def test_many_tickets_are_counted_on_today_and_folded_on_to_do(place: Place) -> None:
    with place.store.write() as writer:
        for number in range(12):
            for _ in range(MANY):
                refused = a_verdict("spam_content", BounceClass.BLOCK)._replace(
                    fault=Fault.SENDER, provider=f"p{number}"
                )
                at = place.clock() - timedelta(minutes=5)
                writer.add_events([an_event(verdict=refused, occurred_at=at)])
    looking = signed_in(place)
    today = looking.get("/").text
    assert "12 things need you" in today
    assert "6 more things that receivers hold against you" in today
    to_do = looking.get("/todo").text
    assert to_do.count('class="card ticket"') == 12
    assert "2 more, less frequent or fixed" in to_do


def test_commands_in_a_sentence_are_marked_and_strangers_words_are_not() -> None:
    shown = commands("ask <b>; `dsnwatch doctor` says")
    assert shown == "ask &lt;b&gt;; <code>dsnwatch doctor</code> says"


def test_search_for_a_domain_lists_whom_not_to_mail(place: Place) -> None:
    with place.store.write() as writer:
        writer.put_suppressions([a_suppression("bob@old.example.net")])
    shown = unbroken(signed_in(place).get("/search?q=old.example.net").text)
    assert "bob@old.example.net" in shown
