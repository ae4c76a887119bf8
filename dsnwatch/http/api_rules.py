"""`/v1/rules/try` and `/v1/explain`: what a line or a message would be judged, and why."""

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request

from dsnwatch.attribute import Attributor
from dsnwatch.explaining import decisions_of, explanation_dict, judged, trial_dict
from dsnwatch.http.access import Reads
from dsnwatch.http.desk import Desk, Here
from dsnwatch.http.shapes.rules import ToTry, Tried
from dsnwatch.model import RawMessage

router = APIRouter(tags=["rules"])


@router.post("/rules/try", response_model=Tried, summary="Judge a line")
def try_line(desk: Here, _: Reads, body: ToTry) -> dict[str, object]:
    """Say what a line that a mail server said would be judged, which rules matched, and where."""
    text = " ".join(body.text.split())
    said = judged(desk.loaded().reader, text, body.status, body.provider, body.dialect)
    return trial_dict(said, body.dialect)


@router.post(
    "/explain",
    summary="Explain a message",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"message/rfc822": {"schema": {"type": "string"}}},
        }
    },
)
async def explain(request: Request, desk: Here, _: Reads) -> dict[str, object]:
    """Tell the whole reasoning about a message, as `dsnwatch explain --json`; touches no store."""
    data = await request.body()
    return await run_sync(explained, desk, RawMessage(data, "body", "api"))


def explained(desk: Desk, raw: RawMessage) -> dict[str, object]:
    """Read a message and keep every step."""
    loaded = desk.loaded()
    explanation = loaded.reader.explain(raw.data)
    attributor = loaded.attributor or Attributor()
    decided = decisions_of(raw, explanation, loaded.policy, attributor)
    return explanation_dict(raw, explanation, decided)
