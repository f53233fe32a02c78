"""Heads of requests: methods, paths, content types, tokens, traces; the body is a good one."""

from collections.abc import Mapping

from fuzzing.cases import TOKEN, Case, Request
from fuzzing.dice import Dice, text, written
from make import notification_json

BODY = written(notification_json()).encode()
JSON = (
    *("application/json", "Application/JSON"),
    *("application/json;charset=utf-8", " application/json "),
    *('application/json; charset="UTF-8"', "application/vnd.a+json", ""),
    *(";", "application/json;;;"),
    *("application/json; charset = us-ascii", "application/json; charset=", "a/b+json; q=\x80"),
)
NOT_JSON = (
    *("text/plain", "application/xml", "json", "application/jsonp", "*/*", "\xff", "a" * 10_000),
    *("application/json, text/plain", "multipart/form-data; boundary=a", "application/cloudevents"),
    *("application/json; charset=utf-16", "application/json; charset=latin-1", "text/json"),
    *('application/json;charset="ebcdic"', "application/json; charset=\xff", "x; charset=utf-8"),
    *("application/json; charset=no-such",),
    *("application/json; charset=rot13", "+json; charset=idna"),
)
TRACES = (
    *("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "", "00-"),
    *("ff-" + "1" * 48, "\xb2"),
    *("00-" + "0" * 32 + "-00f067aa0ba902b7-01", "-" * 55, "00-4bf9\xb2", "a" * 60_000),
)
PATHS = (
    *("/alerts/", "//", "", "/alerts/..", "/ALERTS", "/health", "/health/liveness/", "/\0", "/%2e"),
    *("/\xff", "/" + "a" * 60_000, "alerts", "/alerts\n", "*", "http://a/alerts", "/\u0661"),
)
METHODS = (
    "GET",
    "PUT",
    "DELETE",
    "PATCH",
    "HEAD",
    "TRACE",
    "post",
    "",
    "POST ",
    "\xff",
    "A" * 1000,
)


def make(dice: Dice) -> Case:
    """Return a case whose head is the matter."""
    return dice.either(
        {_json: 3, _not_json: 3, _trace: 2, _path: 2, _method: 2, _health: 1, _token: 3, _any: 5}
    )


def _sent(
    headers: Mapping[str, str], status: int = 200, method: str = "POST", path: str = "/"
) -> Case:
    return Case((Request(BODY, headers, method, path),), statuses=frozenset({status}))


def _json(dice: Dice) -> Case:
    return _sent({"content-type": dice.choice(JSON)}, path=dice.choice(("/", "/alerts")))


def _not_json(dice: Dice) -> Case:
    return _sent({"content-type": dice.choice(NOT_JSON)}, 415)


def _trace(dice: Dice) -> Case:
    return _sent({"traceparent": dice.choice(TRACES), "tracestate": _latin(dice)})


def _path(dice: Dice) -> Case:
    return _sent({}, 404, dice.choice(("POST", "GET", "OPTIONS")), dice.choice(PATHS))


def _method(dice: Dice) -> Case:
    return _sent({}, 405, dice.choice(METHODS), dice.choice(("/", "/alerts")))


def _health(dice: Dice) -> Case:
    path = dice.choice(("/health/liveness", "/health/readiness"))
    if dice.once_in(3):
        return _sent({}, 404, dice.choice(("POST", "PUT", "OPTIONS")), path)
    return _sent({}, 200, dice.choice(("GET", "HEAD")), path)


def _token(dice: Dice) -> Case:
    """The right token, and almost."""
    good = (f"Bearer {TOKEN}", f"bearer  {TOKEN} ", f"BEARER {TOKEN}")
    bad = (
        *(TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}"),
        *(f"Bearer {TOKEN}\xff", f"Bearer {TOKEN.upper()}", "Bearer \xb2", f"Bearer{TOKEN}", ""),
        *(f"Bearer {TOKEN},{TOKEN}", "Bearer " + "a" * 60_000, f"Token {TOKEN}"),
    )
    is_good = dice.once_in(2)
    request = Request(BODY, {"authorization": dice.choice(good if is_good else bad)})
    status = 200 if is_good else 401
    return Case((request,), statuses=frozenset({status}), asks_for_token=True)


def _any(dice: Dice) -> Case:
    """Headers of any name, and any text that a server lets through."""
    names = ("content-type", "traceparent", "ce-", "ce-id", "ce-specversion", "ce-type", "a", "")
    names += ("ce-source", "ce-time", "ce-data", "ce-\xff", "content-length", "content-encoding")
    headers = {dice.choice(names): _latin(dice) for _ in range(dice.randrange(6))}
    return Case((Request(BODY, headers),))


def _latin(dice: Dice) -> str:
    """Return what a header can hold: latin-1 without the ends of lines."""
    sent = text(dice).encode("utf-8", "replace").decode("latin-1")
    return sent.replace("\r", " ").replace("\n", " ")
