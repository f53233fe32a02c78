"""The door for functions-framework: `--source function/main.py --target openfero`.

functions-framework loads this file by its path, as a module of its own, so everything
else is imported by its full name.
"""

import os
import socket
import struct
from contextlib import ExitStack, suppress
from functools import partial

import flask
import functions_framework

from function.start import start
from function.webhook import ANSWERING, Reception
from function.worker import part

# Its own default is four threads a CPU, of the node: hanging notifications would leave
# none for the health probes. Threads are made when they are needed.
os.environ.setdefault("THREADS", "112")

webhook = start(os.environ)


@functions_framework.http
def openfero(request: flask.Request) -> flask.Response:
    """Answer one request."""
    headers = {name.lower(): value for name, value in request.headers}
    in_flight = ExitStack()
    reception = in_flight.enter_context(webhook.receive(request.method, request.path, headers))
    is_whole = _feed(reception, request)
    answer = reception.settle()
    # A streamed answer: for any other, functions-framework first reads the rest of the
    # body into memory, however large it is.
    response = flask.Response(iter([answer.body]), answer.status, answer.head)
    # Only then: an answer that nobody reads is memory, too.
    response.call_on_close(in_flight.close)
    if not is_whole:
        response.call_on_close(partial(_hang_up, request))
    return response


def _feed(reception: Reception, request: flask.Request) -> bool:
    """Hand over the body as it comes; return whether nothing of it is left unread."""
    left = request.content_length or 0
    try:
        while reception.wants_body:
            _set_timeout(request, reception.seconds_left)
            chunk = request.stream.read(65536)
            if not chunk:
                if left > 0:
                    reception.break_off()
                return True
            reception.feed(chunk)
            left -= len(chunk)
    except TimeoutError:
        reception.time_out()
    except Exception:  # gunicorn lets out whatever it meets in a broken body
        reception.break_off()
    finally:
        _set_timeout(request, ANSWERING)
    return not request.content_length and "Transfer-Encoding" not in request.headers


def _set_timeout(request: flask.Request, seconds: float) -> None:
    # Only gunicorn hands its socket out; Flask's own server, behind --debug, does not.
    if connection := request.environ.get("gunicorn.socket"):
        connection.settimeout(seconds)


def _hang_up(request: flask.Request) -> None:
    """End a connection whose sender is not done.

    By itself gunicorn would wait for the rest of a body, for five seconds. At the end
    comes a reset: to an orderly one, a sender whose window is full listens only once in
    a while, and waits up to a minute.
    """
    if connection := request.environ.get("gunicorn.socket"):
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        part(connection)
