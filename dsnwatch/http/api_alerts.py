"""`/v1/alerts` and `/v1/streams`: what is the matter, and whether a sender should stop."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel

from dsnwatch.alerting import alerts_and_holds
from dsnwatch.alerts import AlertKind, Severity, State, state_of
from dsnwatch.http.access import Checks, Reads
from dsnwatch.http.api_events import Moment
from dsnwatch.http.desk import Here
from dsnwatch.http.shapes import moment
from dsnwatch.shown import alert_dict

router = APIRouter(tags=["alerts"])


class AlertShape(BaseModel):
    """Something that is the matter, or was."""

    alert: str
    kind: AlertKind
    severity: Severity
    summary: str
    stream: str
    campaign: str | None
    pauses: bool
    raised_at: str
    cleared_at: str | None


class Alerts(BaseModel):
    """What is the matter, the gravest first."""

    items: list[AlertShape]


class StreamState(BaseModel):
    """Whether a stream may go on being sent."""

    stream: str
    state: State
    alerts: list[AlertShape]


@router.get("/alerts", response_model=Alerts, summary="List what is the matter")
def list_alerts(desk: Here, _: Reads, since: Moment = None) -> dict[str, object]:
    """List the alerts that are open, holds too; with `since` those over since then as well."""
    return {"items": [alert_dict(each) for each in alerts_and_holds(desk.store, moment(since))]}


@router.get("/streams/{name}/state", response_model=StreamState, summary="May one go on sending?")
def state(desk: Here, _: Checks, name: Annotated[str, Path(max_length=200)]) -> dict[str, object]:
    """Say `ok`, `warn` or `pause`: whether a stream, or everything, fails too much."""
    opened = alerts_and_holds(desk.store)
    mine = [each for each in opened if each.alert.stream in {"", name}]
    return {
        "stream": name,
        "state": state_of(name, [each.alert for each in opened]),
        "alerts": [alert_dict(each) for each in mine],
    }
