"""`[trust]` and `[attribution]`: how a report is tied to mail of ours, and to whom and what."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, model_validator

from dsnwatch.config.listener import domain_of
from dsnwatch.config.policy import Texts
from dsnwatch.config.sections import Section, option

_HEADER = re.compile(r"[!-9;-~]{1,76}")
_SELECTOR = re.compile(r"[A-Za-z0-9_.\-]+\._domainkey\.[A-Za-z0-9_.\-]+")
FeedbackField = Literal["", "campaign", "stream", "list"]


def _a_header(text: str) -> str:
    if not _HEADER.fullmatch(text):
        raise ValueError(f"'{text}' is no name of a header field; write it like \"X-Campaign\"")
    return text.lower()


def _a_selector(text: str) -> str:
    if not _SELECTOR.fullmatch(text):
        raise ValueError(f"'{text}' names no key; write it like \"s1._domainkey.example.org\"")
    return text.lower().rstrip(".")


Header = Annotated[str, AfterValidator(_a_header)]
Headers = tuple[Header, ...]
Domain = Annotated[str, AfterValidator(domain_of)]


class TrustSection(Section):
    """`[trust]`: what proves that a report is about mail of ours."""

    domains: tuple[Domain, ...] = option(
        (),
        "All the domains you send from. A report that returns a message of none of them is about "
        "mail that was never yours, and counts for nothing.",
        unit="list of domains",
    )
    all_signed: bool = option(
        default=False,
        description="Whether every message of yours has a signed return path: then a delivery "
        "report that comes to another address is about mail that was never yours.",
        unit="true or false",
    )
    dkim_domains: tuple[Domain, ...] = option(
        (),
        "The domains your mail is DKIM-signed with (d=). A signature of theirs on the returned "
        "headers proves that the mail was yours.",
        unit="list of domains",
    )
    dkim_keys: dict[Annotated[str, AfterValidator(_a_selector)], Path] = option(
        {},
        "Files with the public keys, by their names in DNS: the text of the TXT record, or PEM. "
        "A relative path lies beside the configuration file.",
        unit="table of paths",
    )
    dkim_dns: bool = option(
        default=False,
        description="Whether keys that stand in no file are asked for in DNS; answers are kept "
        "for an hour.",
        unit="true or false",
    )
    relays: Texts = option(
        (),
        "Hosts that only pass your mail on (a smart host): that they took it, as a mail log says, "
        "shows nothing of the recipient.",
        unit="list of host names",
    )


class StreamSection(Section):
    """`[[attribution.stream]]`: how a kind of mail is known by what came back of it."""

    name: str = option(..., "The kind of mail.", unit="text")
    return_path: str | None = option(
        None,
        'What its return path is like: "news+*@*"; * stands for any text.',
        unit="pattern",
    )
    sender: str | None = option(None, "What its From address is like.", unit="pattern")
    list_id: str | None = option(None, "What its List-Id is like.", unit="pattern")
    header: Header | None = option(None, "A header field that is looked at.", unit="text")
    value: str = option("*", "What that field is like.", unit="pattern")

    @model_validator(mode="after")
    def _says_something(self) -> "StreamSection":
        if not (self.return_path or self.sender or self.list_id or self.header):
            raise ValueError(
                f"stream '{self.name}' is known by nothing; say return_path, sender, list_id or "
                "header"
            )
        return self


class AttributionSection(Section):
    """`[attribution]`: where the returned message says to whom and in what stead it was sent."""

    recipient_headers: Headers = option(
        (),
        "Header fields of the returned message that name the recipient as he was mailed.",
        unit="list of header fields",
    )
    stream_headers: Headers = option(
        (), "Header fields that name the kind of mail.", unit="list of header fields"
    )
    campaign_headers: Headers = option(
        ("x-campaign", "x-campaign-id", "x-campaignid"),
        "Header fields that name the campaign.",
        unit="list of header fields",
    )
    list_headers: Headers = option(
        ("list-id",), "Header fields that name the mailing list.", unit="list of header fields"
    )
    feedback_id: tuple[FeedbackField, ...] = option(
        ("campaign",),
        "What the parts of Feedback-ID stand for, those between colons, from the left.",
        unit='list of "campaign", "stream", "list" or ""',
    )
    stream: tuple[StreamSection, ...] = option(
        (), "How kinds of mail are known; the first that fits.", unit="sections"
    )

    @property
    def kept_headers(self) -> tuple[str, ...]:
        """The header fields that have to be kept of a returned message."""
        fields = [*self.recipient_headers, *self.stream_headers, *self.campaign_headers]
        fields += [*self.list_headers, *(each.header for each in self.stream if each.header)]
        return tuple(dict.fromkeys(fields))
