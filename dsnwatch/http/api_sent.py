"""`/v1/sent` and `/v1/life`: what was sent, and who showed life."""

from datetime import timedelta
from http import HTTPStatus

from fastapi import APIRouter

from dsnwatch.attribute import Attributor
from dsnwatch.http.access import Reads, Writes
from dsnwatch.http.api_check import address_of
from dsnwatch.http.api_events import Moment
from dsnwatch.http.desk import Desk, Here
from dsnwatch.http.problems import Refused
from dsnwatch.http.shapes import moment
from dsnwatch.http.shapes.sent import (
    LifeFacts,
    LifeTaken,
    SentCounts,
    SentFact,
    SentFacts,
    SentTaken,
)
from dsnwatch.records import Sign
from dsnwatch.revival import revive
from dsnwatch.sending import Sends, Taken
from dsnwatch.sent import Sent
from dsnwatch.sent.rows import sent_of

router = APIRouter(tags=["sent and life"])
BACK = timedelta(days=30)


@router.get("/sent", response_model=SentCounts, summary="Show how much was sent")
def counts(desk: Here, _: Reads, since: Moment = None) -> dict[str, object]:
    """Show how much was sent, by stream and campaign, from a moment on: 30 days ago if not said."""
    found = desk.store.sent_counts(moment(since) or desk.clock() - BACK)
    return {
        "items": [
            {"stream": stream, "campaign": campaign, "messages": messages}
            for stream, campaign, messages in found
        ]
    }


@router.post("/sent", response_model=SentTaken, summary="Tell what was sent")
def tell(desk: Here, _: Writes, body: SentFacts) -> dict[str, object]:
    """Take in what was sent; a message named by its Message-ID counts once, however often told."""
    taken = _take_in(desk, [_fact(number, each) for number, each in enumerate(body.facts)])
    return {
        "facts": taken.facts,
        "messages": taken.new,
        "alive": taken.alive,
        "freed": taken.freed,
    }


def _fact(number: int, fact: SentFact) -> Sent:
    try:
        return sent_of(
            {
                name: "true" if value is True else "" if value in {None, False} else str(value)
                for name, value in fact.model_dump().items()
            }
        )
    except (ValueError, OverflowError) as error:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, f"facts.{number}: {error}") from error


def _take_in(desk: Desk, facts: list[Sent]) -> Taken:
    loaded = desk.loaded()
    attributor = loaded.attributor or Attributor()
    stream = loaded.configuration.settings.stream
    sends = Sends(
        desk.store,
        loaded.ingest(desk.store),
        loaded.reader,
        loaded.policy,
        attributor,
        stream,
        loaded.subscriptions,
    )
    for _ in sends.take_in(facts, desk.clock()):
        pass
    return sends.taken


@router.post("/life", response_model=LifeTaken, summary="Tell who showed life")
def life(desk: Here, _: Writes, body: LifeFacts) -> dict[str, object]:
    """Note signs of life, a click or a login: soft failures before them count no more."""
    now, loaded = desk.clock(), desk.loaded()
    signs = []
    for each in body.signs:
        at = moment(each.at)
        assert at is not None
        signs.append(Sign(address_of(each.address), min(at, now), "signal"))
    with desk.store.write() as writer:
        freed = revive(writer, loaded.policy, signs, now, loaded.subscriptions)
    return {"noted": len(signs), "freed": sorted({each.address for each in freed})}
