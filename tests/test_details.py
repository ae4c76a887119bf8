"""What a refusal says besides its reason is found where it is told, and nowhere else."""

import json
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dsnwatch.model import Action, BounceClass, Details, Fault, RecipientStatus, Verdict
from dsnwatch.reading.details import MAX_WAIT, NOTHING, as_dict, details, of_dict
from dsnwatch.rules.blocklists import blocklists

BLAMED = Verdict(
    permanent=True,
    bounce_class=BounceClass.BLOCK,
    reason="reputation",
    fault=Fault.SENDER,
    status=None,
    reply_code=None,
    rule="r",
    confidence=0.9,
)
DEAD = BLAMED._replace(bounce_class=BounceClass.HARD, reason="user_unknown", fault=Fault.RECIPIENT)


def told(
    diagnostic: str = "",
    *,
    prose: str = "",
    verdict: Verdict = BLAMED,
    original: str | None = None,
    final: str | None = None,
) -> Details:
    """Take the details out of a recipient's texts."""
    said = RecipientStatus(
        "anne@example.org", Action.FAILED, original, final, diagnostic=diagnostic, prose=prose
    )
    return details(said, verdict)


@pytest.mark.parametrize(
    "text",
    [
        "550 5.1.1 <anne@example.org>: Recipient address rejected: User unknown",
        "452 4.2.2 Mailbox full",
        "lost connection with mx.example.org[192.0.2.1] while sending RCPT TO",
        "host mx.example.org [192.0.2.1]: 550 5.7.1 rejected by policy",
        "Connected to 192.0.2.1 but my name was rejected. Remote host said: 550 no",
        "192.0.2.1 failed after I sent the message. Remote host said: 554 no",
        "554 rejected. Giving up on 192.0.2.1.",
        "550 5.7.1 complaints - 4.16.55.1; see",
        "Exim 4.96 refused 300.1.2.3 and 1.2.3.4.5",
    ],
)
def test_text_that_tells_nothing_besides_has_no_details(text: str) -> None:
    assert told(text) is NOTHING


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Client host [192.0.2.9] blocked using zen.spamhaus.org", "192.0.2.9"),
        ("host mx.example.org[192.0.2.1] said: 550 [192.0.2.9] is listed", "192.0.2.9"),
        ("554 5.7.1 <out.example.com[192.0.2.9]>: Client host rejected", "192.0.2.9"),
        ("550 5.7.606 Access denied, banned sending IP [192.0.2.9]", "192.0.2.9"),
        ("421 Messages from 192.0.2.9 temporarily deferred - 4.16.55.1", "192.0.2.9"),
        ("192.0.2.1 does not like recipient. Remote said: your host 192.0.2.9", "192.0.2.9"),
        ("550-5.7.1 [2001:DB8::9      12] Our system has detected", "2001:db8::9"),
        ("550 blocked: ::ffff:192.0.2.9 listed", "192.0.2.9"),
        ("554 see https://ipcheck.example.com/?ip=192.0.2.9", "192.0.2.9"),
    ],
)
def test_blocked_address_is_the_senders(text: str, address: str) -> None:
    assert told(text).blocked_ip == address


def test_nobody_is_blocked_where_the_recipient_is_at_fault() -> None:
    text = "550 no such user at [192.0.2.9], spamhaus or not"
    assert told(text, verdict=DEAD) is NOTHING


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("blocked using zen.spamhaus.org;", "spamhaus-zen"),
        ("MailFrom domain is listed in Spamhaus.", "spamhaus"),
        ("see https://www.spamhaus.org/query/ip/192.0.2.9", "spamhaus"),
        ("listed by bl.spamcop.net", "spamcop"),
        ("IP blacklisted by CSI, http://csi.cloudmark.com/reset", "cloudmark"),
        ("blocked using our.own.example.com;", "our.own.example.com"),
        ("listed on dnsbl.example.net.", "dnsbl.example.net"),
        ("listed on our server mx.example.net", None),
        ("found in directory mx.example.net", None),
    ],
)
def test_block_list_is_named_by_its_row_or_its_zone(text: str, name: str | None) -> None:
    assert told(f"554 {text}").blocklist == name


def test_block_list_is_found_in_the_prose_too() -> None:
    assert told("554 no", prose="The address is on the list of\nSpamCop.").blocklist == "spamcop"


@pytest.mark.parametrize("row", blocklists().rows, ids=lambda row: row.id)
def test_block_list_has_a_name_and_a_page_that_is_a_link(row: object) -> None:
    assert getattr(row, "name", "")
    page = getattr(row, "removal", None)
    assert page is None or page.startswith("https://")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("451 Greylisting in action, please come back in 00:04:59", 299),
        ("450 4.7.1 Greylisted for 5 minutes", 300),
        ("451 try again in 60 seconds", 60),
        ("421 please try again later in 2 hours", 7200),
        ("450 Greylisted, please try again in 300 seconds", 300),
        ("451 4.7.1 retry-after: 120", 120),
        ("451 Please wait at least 15 min", 900),
        ("450 deferred for 1 day", 86400),
        ("451 try again later", None),
        ("451 retry timeout exceeded after 5 days", None),
        ("451 Message will be retried for 2 more days", None),
        ("451 try again in 0 seconds", None),
        ("451 try again in 9999 hours", None),
    ],
)
def test_time_to_wait_is_read(text: str, seconds: int | None) -> None:
    found = told(text, verdict=DEAD).retry_after
    assert found == (None if seconds is None else timedelta(seconds=seconds))


def test_how_long_the_reporting_server_goes_on_is_no_time_to_wait() -> None:
    assert told("451 busy", prose="I will try again in 4 hours.").retry_after is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("550 5.1.1 no such user a1-20020a05600c310f00b004si712345wmo.12 - gsmtp",
         "a1-20020a05600c310f00b004si712345wmo.12"),
        ("250 2.0.0 Ok: queued as 4Zk2Xq1abcz9", "4Zk2Xq1abcz9"),
        ("451 queue id: 7B2F1120.", "7B2F1120"),
        ("554 see https://example.com/case?c=bl&r=1M7s4e-1sFzQ12Vkw-005Gbl",
         "1M7s4e-1sFzQ12Vkw-005Gbl"),
        ("450 https://support.google.com/mail/?p=ReceivingRate - gsmtp", None),
        ("451 queue full", None),
    ],
)  # fmt: skip
def test_queue_id_is_read(text: str, name: str | None) -> None:
    assert told(text).queue_id == name


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("551 5.1.6 User not local; please try <New@Example.NET>", "New@example.net"),
        ("551 moved to new@example.net.", "new@example.net"),
        ("550 new address is new@example.net", "new@example.net"),
        ("550 please try anne@example.org again", None),
        ("550 please try again, or ask help@example.org", None),
    ],
)
def test_new_address_is_read(text: str, address: str | None) -> None:
    assert told(text, verdict=DEAD).forwarded_to == address


@pytest.mark.parametrize(
    ("original", "final", "address"),
    [
        ("anne@example.org", "anne@mail.example.net", "anne@mail.example.net"),
        ("anne@example.org", "anne@EXAMPLE.org", None),
        ("anne@example.org", "|/bin/archive", None),
        (None, "anne@mail.example.net", None),
    ],
)
def test_final_recipient_is_where_the_mail_was_forwarded_to(
    original: str | None, final: str | None, address: str | None
) -> None:
    assert told("550 no", original=original, final=final).forwarded_to == address


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("550 see https://support.google.com/mail/?p=NoSuchUser a1 - gsmtp",
         "https://support.google.com/mail/?p=NoSuchUser"),
        ("550 no <http://x.example/irbounce>", "http://x.example/irbounce"),
        ("550 Visit HTTPS://example.com/help.", "HTTPS://example.com/help"),
        ("550 see ftp://example.com/help", None),
        ("550 see https://", None),
        ("550 see https://exa\u202emple.com/", None),
    ],
)  # fmt: skip
def test_link_is_read_without_the_end_of_the_sentence(text: str, url: str | None) -> None:
    assert told(text, verdict=DEAD).help_url == url


def test_what_the_server_said_goes_before_the_prose() -> None:
    prose = "Read http://local.example/help"
    assert told("550 https://a.example/1", prose=prose).help_url == "https://a.example/1"
    assert told("550 no", prose=prose).help_url == "http://local.example/help"


TEXT = st.text(max_size=300)


@given(TEXT, TEXT, TEXT, TEXT)
@example("\ud800@\ud800 551 please try \ud800@x", "http://\ud800aaa", "\ud800@a", "b@\udfff")
@example("blocked using " + "a." * 100, "", "", "")
def test_any_texts_give_details_that_can_be_stored(
    diagnostic: str, prose: str, original: str, final: str
) -> None:
    found = told(diagnostic, prose=prose, original=original, final=final)
    assert of_dict(json.loads(json.dumps(as_dict(found)))) == found
    assert found.retry_after is None or timedelta() < found.retry_after <= MAX_WAIT


PIECES = st.sampled_from(
    ["blocked using ", "listed in ", "a.", "1.2.3.4", "[", "::", "http://", "again ", "in ", "5",
     " minutes", "id=", "1M7s4e-", " - gsmtp", "please try ", "@", "<", "host ", "queued as "]
)  # fmt: skip


@given(st.lists(PIECES, max_size=200).map("".join))
def test_pieces_of_telling_texts_in_any_order_are_read(text: str) -> None:
    told(text, prose=text)


@given(
    st.builds(
        Details,
        blocklist=st.none() | st.text(),
        blocked_ip=st.none() | st.ip_addresses().map(str),
        retry_after=st.none() | st.integers(1, 604_800).map(lambda n: timedelta(seconds=n)),
        queue_id=st.none() | st.text(),
        forwarded_to=st.none() | st.text(),
        help_url=st.none() | st.text(),
    )
)
def test_details_written_are_read_back(found: Details) -> None:
    assert of_dict(as_dict(found)) == found
