"""A stand-in, at the wire, for the broker that delivers events to a Trigger's subscriber.

It sends what Knative's does, header by header as Go writes them: an event in binary mode,
or in structured mode as with `delivery.format: json`; `Prefer: reply`, the broker's
namespace, a trace and the time of arrival. It shows no bearer token, for it has none.

What it makes of the answer, by the rules of Knative Eventing 1.23:

    2xx without a body                            settled
    2xx with a CloudEvent                         settled, and the broker takes the event
    2xx with any other body                       a failure, 502, tried again
    404, 408, 409, 429, 5xx, a connection cut     tried again, after 1, 2, 4, 8… delays
    all else                                      given up at once

What is given up, now or after the last try, goes to the dead letter sink: the event with
`knativeerrordest`, `knativeerrorcode` and in `knativeerrordata` the last answer's body, in
base64 and at most 1,024 characters of it. For the broker's own 502 these are left out.

Unlike Knative's, its delays are tiny, and it has one event at a time.
"""

import base64
import http.client
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from wire import Response, request

DELAY_SECONDS = 0.01
MAX_ERROR_DATA = 1024

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

Headers = dict[str, str]


@dataclass(frozen=True)
class Delivery:
    """What became of one event."""

    answers: tuple[Response | None, ...]
    """One for each try; None where the connection was cut."""
    reply: Response | None = None
    """The answer, if the broker took an event from it."""
    dead_letter: Mapping[str, str] | None = None
    """What was added to the event for the dead letter sink, if it went there."""

    @property
    def statuses(self) -> list[int | None]:
        return [answer and answer.status for answer in self.answers]

    @property
    def is_settled(self) -> bool:
        return self.dead_letter is None

    @property
    def error(self) -> tuple[int, str]:
        """The status and the text that the dead letter sink gets to see."""
        assert self.dead_letter is not None, self
        text = base64.b64decode(self.dead_letter["knativeerrordata"]).decode()
        return int(self.dead_letter["knativeerrorcode"]), text


def deliver(
    url: str,
    data: bytes,
    *,
    event_id: str = "",
    structured: bool = False,
    retries: int = 4,
    **headers: str,
) -> Delivery:
    """Deliver one event, as often as it takes.

    `headers` stand in place of the usual ones: `ce_type=…` for Ce-Type, "" for none.
    """
    attributes = _attributes(event_id or str(uuid.uuid4()))
    body = _structured(attributes, data) if structured else data
    head = _structured_head() if structured else _binary_head(attributes)
    changed = {name.replace("_", "-").title(): text for name, text in headers.items()}
    head = {name: text for name, text in {**head, **changed}.items() if text}
    answers = []
    for number in range(retries + 1):
        answers.append(_send(url, body, head))
        if not _is_worth_another_try(_status(answers[-1])) or number == retries:
            break
        time.sleep(DELAY_SECONDS * 2**number)
    return _conclude(url, answers)


def _attributes(event_id: str) -> Headers:
    return {
        "id": event_id,
        "knativearrivaltime": "2026-11-23T13:52:26.104733921Z",
        "source": "/alertmanager",
        "specversion": "1.0",
        "type": "io.prometheus.alertmanager.firing",
    }


def _binary_head(attributes: Headers) -> Headers:
    names = {f"Ce-{name.capitalize()}": text for name, text in attributes.items()}
    return {**names, "Content-Type": "application/json"}


def _structured_head() -> Headers:
    return {"Content-Type": "application/cloudevents+json"}


def _structured(attributes: Headers, data: bytes) -> bytes:
    rest = {"datacontenttype": "application/json", "data": json.loads(data)}
    return json.dumps({**attributes, **rest}).encode()


def _send(url: str, body: bytes, head: Headers) -> Response | None:
    head = {
        "Host": urlsplit(url).netloc,
        "User-Agent": "Go-http-client/1.1",
        "Content-Length": str(len(body)),
        **head,
        "Kn-Namespace": "openfero",
        "Prefer": "reply",
        "Traceparent": TRACEPARENT,
        "Accept-Encoding": "gzip",
    }
    try:
        return request("POST", url, body, head)
    except (OSError, http.client.HTTPException):
        return None


def _conclude(url: str, answers: list[Response | None]) -> Delivery:
    last, status = answers[-1], _status(answers[-1])
    if status // 100 == 2:
        return Delivery(tuple(answers), reply=last if last and _is_event(last) else None)
    return Delivery(tuple(answers), dead_letter=_dead_letter(url, last, status))


def _status(answer: Response | None) -> int:
    """The status that an answer counts as."""
    if answer is None:
        return 500
    if answer.status // 100 == 2 and answer.body and not _is_event(answer):
        return 502
    return answer.status


def _is_event(answer: Response) -> bool:
    content_type = answer.headers.get("content-type", "")
    is_structured = content_type.startswith("application/cloudevents+json")
    return "ce-specversion" in answer.headers or is_structured


def _is_worth_another_try(status: int) -> bool:
    return status >= 500 or status in (404, 408, 409, 429)


def _dead_letter(url: str, last: Response | None, status: int) -> Headers:
    if last and last.status // 100 == 2:
        return {}
    data = base64.b64encode(last.body if last else b"").decode()[:MAX_ERROR_DATA]
    return {
        "knativeerrordest": url,
        "knativeerrorcode": str(status),
        "knativeerrordata": data,
    }
