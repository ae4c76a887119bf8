"""`/metrics`, `/healthz`, `/readyz`: for what watches us."""

from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from dsnwatch.errors import StoreError
from dsnwatch.http.access import admitted_to_metrics
from dsnwatch.http.api_hooks import hooks_of
from dsnwatch.http.desk import Desk, Here
from dsnwatch.metrics import ListenerCollector, MailboxCollector, StoreCollector
from dsnwatch.summing import store_figures

router = APIRouter(include_in_schema=False)

_HOOKS: tuple[tuple[str, str, str], ...] = (
    ("waiting", "waiting", "Events that wait to be told to the hook."),
    ("dead_letters", "dead", "Events that the hook could not be told."),
    ("told", "told", "Events the hook was told, ever."),
    ("failures", "failures", "How often in a row the hook did not answer as it should."),
)


@router.get("/metrics", dependencies=[Depends(admitted_to_metrics)])
def metrics(desk: Here) -> Response:
    """Give every figure to Prometheus; labels are names of mailboxes, hooks and classes."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(MailboxCollector(lambda: desk.figures().values(), desk.clock))
    registry.register(ListenerCollector(desk.listeners))
    registry.register(StoreCollector(lambda: store_figures(desk.store)))
    registry.register(_Kept(lambda: _kept(desk)))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


@router.get("/healthz")
async def healthz() -> Response:
    """Say that we live."""
    return PlainTextResponse("ok\n")


@router.get("/readyz")
def readyz(desk: Here) -> Response:
    """Say whether mail is taken in: the store answers, and each mailbox is connected or rests."""
    now = desk.clock()
    mailboxes = [
        {
            "mailbox": each.name,
            "failing": each.failing,
            "lag_seconds": int(each.lag(now).total_seconds()),
        }
        for each in desk.figures().values()
    ]
    try:
        desk.store.token("")
        store = "ok"
    except StoreError:
        store = "cannot be read"
    ready = store == "ok" and not any(each["failing"] for each in mailboxes)
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return JSONResponse({"ready": ready, "store": store, "mailboxes": mailboxes}, status)


class _Kept:
    """Gives families that were made at this moment."""

    def __init__(self, families: Callable[[], Iterable[Metric]]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families()


def _kept(desk: Desk) -> Iterator[Metric]:
    """Give what the store says of hooks and of what waits for a person."""
    hooks = hooks_of(desk)
    for name, key, help_ in _HOOKS:
        family = GaugeMetricFamily(f"dsnwatch_hook_{name}", help_, labels=["hook"])
        for each in hooks:
            family.add_metric([str(each["hook"])], float(str(each[key])))
        yield family
    holds = [*desk.store.holds()]
    yield GaugeMetricFamily("dsnwatch_holds", "Batches of suppressions that wait.", len(holds))
    held = sum(each.events for each in holds)
    yield GaugeMetricFamily("dsnwatch_held", "Suppressions that wait for a person.", held)
