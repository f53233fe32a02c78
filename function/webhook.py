"""One request to one answer: method, path, token, size, and how much at once.

Knows HTTP, but no framework: a door asks `receive`, feeds the body as it comes, and
sends the answer back. Nothing here waits before `settle` is called, so an event loop
may call everything else.
"""

import hmac
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from threading import Semaphore
from uuid import uuid4

from function.alerts import read_notification
from function.errors import Refused, bad_request
from function.log import log
from function.outcomes import MAX_MESSAGE, Answer, answer, one_line, refusal, text
from function.scales import Scales
from function.settle import Settler

PATHS = ("/", "/alerts")
HEALTH = ("/health/liveness", "/health/readiness")
ALLOW = {"Allow": "POST, OPTIONS"}

# A notification of 5,000 small alerts has 1.9 MB.
MAX_BODY = 4 * 1024 * 1024
# So much is taken whatever is in flight: what is large shall not hold up what is small.
SMALL = 16 * 1024
# Of a refused request so much is read all the same: a sender that is cut off while it
# writes never reads why.
MAX_DISCARDED = 4 * MAX_BODY
# More would take the memory, and the threads that answer the health probes.
MAX_AT_ONCE = 64
# From the arrival of a request. Alertmanager's replica sends the same after 15 s, and
# queue-proxy lets a stopping pod finish for 30 s.
SECONDS = 25.0
# In which a door writes an answer, however slowly it is read.
ANSWERING = 10.0


class Webhook:
    """What Alertmanager, a broker and people post to."""

    def __init__(self, settler: Settler, token_file: str = "") -> None:
        self._settler = settler
        self._token_file = token_file
        self._places = Semaphore(MAX_AT_ONCE)
        self._scales = Scales()

    @contextmanager
    def receive(self, method: str, path: str, headers: Mapping[str, str]) -> Iterator["Reception"]:
        """Look at the head of a request; header names are in lower case.

        Whoever has a body to send holds a place for as long as the block, a refused one
        too, so that slow senders cannot take all threads of a server.
        """
        deadline = time.monotonic() + SECONDS
        try:
            known = self._answer_head(method, path, headers)
            has_body = known is None
        except Refused as exc:
            known, has_body = _refuse(exc), True
        has_place = has_body and self._places.acquire(blocking=False)
        if known is None and not has_place:
            known = _refuse(_unavailable(f"{MAX_AT_ONCE} notifications are in flight"))
        reception = Reception(self._settler, self._scales, headers, deadline, known, has_place)
        try:
            yield reception
        finally:
            reception.forget()
            if has_place:
                self._places.release()

    def _answer_head(self, method: str, path: str, headers: Mapping[str, str]) -> Answer | None:
        """Answer what needs no body, or raise Refused."""
        if path in HEALTH and method in ("GET", "HEAD"):
            return text(HTTPStatus.OK, "OK")
        if path not in PATHS:
            raise Refused(HTTPStatus.NOT_FOUND, "POST alerts to / or /alerts")
        if method == "OPTIONS":  # a broker's way to ask for permission
            return Answer(HTTPStatus.OK, headers=ALLOW)
        if method != "POST":
            # A redirected Alertmanager repeats its POST as an empty GET, and would take
            # any 2xx for success.
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "POST alerts here", ALLOW)
        if self._token_file:
            _check_token(self._token_file, headers)
        return None


class Reception:
    """A request whose head is known: feed it the body as long as it wants more, then settle."""

    def __init__(
        self,
        settler: Settler,
        scales: Scales,
        headers: Mapping[str, str],
        deadline: float,
        known: Answer | None,
        wants_body: bool,
    ) -> None:
        self.known = known
        """The answer, as soon as it does not depend on the rest of the request."""
        self.wants_body = wants_body
        self._settler = settler
        self._scales = scales
        self._headers = headers
        self._deadline = deadline
        self._body = bytearray()
        self._weight = 0
        self._received = 0

    @property
    def seconds_left(self) -> float:
        """For how long the next piece of the body is waited for, at least a moment."""
        return max(0.001, self._deadline - time.monotonic())

    def feed(self, chunk: bytes) -> None:
        """Take the next piece of the body."""
        self._received += len(chunk)
        self.wants_body = self._received < MAX_DISCARDED
        if self.known is None and self._received > MAX_BODY:
            self._close(_too_large())
        if self.known is None and not self._weigh(len(chunk)):
            self._close(_unavailable("as much is in flight as memory allows"))
        if self.known is None:
            self._body += chunk

    def _weigh(self, count: int) -> bool:
        """Return whether there is room for so many bytes more; a small body always has it."""
        beyond = max(0, len(self._body) + count - SMALL) - self._weight
        fits = self._scales.take(beyond)
        self._weight += beyond if fits else 0
        return fits

    def time_out(self) -> None:
        """Give a body up that does not arrive."""
        self._give_up(_unavailable(f"the body did not arrive within {SECONDS:.0f} s"))

    def break_off(self) -> None:
        """Give a body up that cannot be read."""
        self._give_up(bad_request("the body is broken off"))

    def _give_up(self, refused: Refused) -> None:
        self.wants_body = False
        if self.known is None:
            self._close(refused)

    def _close(self, refused: Refused) -> None:
        """Know the answer, and let go of the body."""
        self.known = _refuse(refused)
        self.forget()

    def forget(self) -> None:
        """Let go of the body."""
        self._scales.give_back(self._weight)
        self._weight = 0
        self._body.clear()

    def settle(self) -> Answer:
        """Return the answer when every alert is settled, or the deadline is there. Waits."""
        if self.known:
            return self.known
        try:
            notification = read_notification(self._headers, bytes(self._body))
            if notification.is_ours:  # else each answer would be answered, for ever
                return Answer(HTTPStatus.ACCEPTED)
            outcomes = self._settler.settle(notification, self._deadline)
            return answer(outcomes, uuid4().hex if notification.is_event else "")
        except Refused as exc:
            return _refuse(exc)
        except Exception:
            log.exception("a defect in OpenFero: please report it")
            return text(HTTPStatus.INTERNAL_SERVER_ERROR, "a defect in OpenFero; see its log")


def _check_token(token_file: str, headers: Mapping[str, str]) -> None:
    """Raise Refused unless the request carries one of the tokens in the file.

    Read each time, because a Secret is replaced under a running pod.
    """
    scheme, _, given = headers.get("authorization", "").partition(" ")
    sent = given.strip().encode("latin-1", "replace")
    matches = [hmac.compare_digest(sent, token) for token in _tokens(token_file)]
    if scheme.lower() != "bearer" or not any(matches):
        raise Refused(
            HTTPStatus.UNAUTHORIZED,
            "the bearer token is missing or wrong",
            {"WWW-Authenticate": "Bearer"},
        )


def _tokens(token_file: str) -> list[bytes]:
    try:
        with open(token_file, "rb") as file:
            lines = file.read().splitlines()
    except OSError as exc:
        raise _unavailable(f"cannot read the token file: {exc.strerror}") from exc
    tokens = [line.strip() for line in lines if line.strip()]
    if not tokens:
        raise _unavailable("the token file is empty")
    return tokens


def _too_large() -> Refused:
    return Refused(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the body has more than {MAX_BODY} bytes: group alerts by more labels, or set max_alerts",
    )


def _unavailable(message: str) -> Refused:
    return Refused(HTTPStatus.SERVICE_UNAVAILABLE, message)


def _refuse(refused: Refused) -> Answer:
    fields = {"code": refused.status, "reason": one_line(str(refused), MAX_MESSAGE)}
    log.warning("refused", extra={"fields": fields})
    return refusal(refused)
