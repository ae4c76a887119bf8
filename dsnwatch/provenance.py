"""What ties reports to our own mail, put together from the configuration."""

import base64
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

from dsnwatch.attribute import Attributor
from dsnwatch.errors import ConfigError
from dsnwatch.matching import message_key, sent_keys
from dsnwatch.model import OriginalMessage, Trust
from dsnwatch.records import BounceEvent
from dsnwatch.rfc.dkim import KeyText, returned_blocks, signed_for

if TYPE_CHECKING:
    from pathlib import Path

    from dsnwatch.config.settings import Configuration
    from dsnwatch.store import Writer

_STRONGER = frozenset({Trust.SIGNED, Trust.MATCHED})


def attributor_of(
    configuration: "Configuration", ask_dns: Callable[[str], str | None] | None = None
) -> Attributor:
    """Make what says whom and what a report is about.

    Args:
        configuration: What is in force.
        ask_dns: Finds the TXT record of a name; None asks the system's resolver where the
            configuration allows it.

    Raises:
        ConfigError: A key cannot be read.
    """
    settings = configuration.settings
    trust = settings.trust
    dkim = None
    if trust.dkim_domains:
        known = {
            name: _key_text(configuration, name, path) for name, path in trust.dkim_keys.items()
        }
        asking = None
        if trust.dkim_dns:
            asking = ask_dns or _resolver()
        domains = frozenset(trust.dkim_domains)
        dkim = partial(_signers, domains, partial(_found, known, asking))
    return Attributor(settings.attribution, trust, configuration.return_path_keys(), dkim)


def _signers(domains: frozenset[str], key_text: KeyText, data: bytes) -> Sequence[str]:
    """Say for whom the returned headers of a message are signed by us."""
    blocks = returned_blocks(data)
    return [one for block in blocks for one in signed_for(block, domains, key_text)]


def _found(known: dict[str, str], asking: KeyText | None, name: str) -> str | None:
    return known.get(name) or (asking(name) if asking else None)


def _key_text(configuration: "Configuration", name: str, path: "Path") -> str:
    """Read a public key: the text of its TXT record, or PEM."""
    found = configuration.beside(path)
    key = f"trust.dkim_keys: '{name}': {found}"
    try:
        text = found.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(f"{key} cannot be read ({why}); make the file") from error
    if "BEGIN PUBLIC KEY" in text:
        inside = text.partition("-----BEGIN PUBLIC KEY-----")[2].partition("-----")[0]
        body = "".join(inside.split())
        text = f"v=DKIM1; k=rsa; p={body}"
    record = "".join(part.strip().strip('"') for part in text.split("\n"))
    try:
        base64.b64decode(dict(_tags(record))["p"], validate=True)
    except (KeyError, ValueError) as error:
        raise ConfigError(
            f'{key} is no key; write the TXT record "v=DKIM1; k=rsa; p=..." or a PEM public key'
        ) from error
    return record


def _tags(record: str) -> list[tuple[str, str]]:
    return [
        (name.strip(), value.strip())
        for name, _, value in (tag.partition("=") for tag in record.split(";"))
    ]


def _resolver() -> KeyText:
    from dsnwatch.lookup.resolver import Texts  # noqa: PLC0415  only where DNS is to be asked

    return Texts().find


def proven_among(
    writer: "Writer", told: Iterable[tuple[OriginalMessage, Sequence[BounceEvent]]]
) -> frozenset[str]:
    """Find the events about messages that were told as sent, to that very recipient.

    Args:
        writer: The transaction.
        told: What each report said of the mail of ours, and the events it tells of.

    Returns:
        Keys of events.
    """
    if not writer.knows_sends():
        return frozenset()
    asking: dict[int, list[str]] = {}
    for original, events in told:
        ids = [each for each in (original.message_id, original.envelope_id) if each]
        for event in events if ids else ():
            if event.attribution.trust in _STRONGER:
                continue
            for id_, address in product(ids, (event.attribution.recipient, "")):
                for key in sent_keys(message_key(id_, address), event.occurred_at):
                    asking.setdefault(key, []).append(event.key)
    return frozenset(key for sent in writer.sent_among(asking) for key in asking[sent])


def believed(event: BounceEvent) -> BounceEvent:
    """Give an event about a message that was told as sent."""
    return event._replace(attribution=event.attribution._replace(trust=Trust.MATCHED))
