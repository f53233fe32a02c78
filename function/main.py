"""The door for functions-framework: `--source function/main.py --target openfero`.

functions-framework loads this file by its path, as a module of its own, so everything
else is imported by its full name.
"""

import os
import socket

import flask
import functions_framework

from function.start import start
from function.webhook import Reception

# Its own default is four threads a CPU, of the node: hanging notifications would leave
# none for the health probes. Threads are made when they are needed.
os.environ.setdefault("THREADS", "80")

webhook = start(os.environ)


@functions_framework.http
def openfero(request: flask.Request) -> flask.Response:
    """Answer one request."""
    headers = {name.lower(): value for name, value in request.headers}
    with webhook.receive(request.method, request.path, headers) as reception:
        _feed(reception, request)
        answer = reception.settle()
    # A streamed answer: for any other, functions-framework first reads the rest of the
    # body into memory, however large it is.
    told = {**answer.headers, "Content-Length": str(len(answer.body))}
    return flask.Response(iter([answer.body]), answer.status, told)


def _feed(reception: Reception, request: flask.Request) -> None:
    """Hand over the body as it comes, for as long as there is time."""
    connection = request.environ["gunicorn.socket"]
    try:
        while reception.wants_body:
            connection.settimeout(reception.seconds_left)
            chunk = request.stream.read(65536)
            if not chunk:
                return
            reception.feed(chunk)
    except TimeoutError:
        reception.time_out()
    except Exception:  # gunicorn lets out whatever it meets in a broken body
        reception.break_off()
    finally:
        connection.settimeout(None)
    if request.content_length or "Transfer-Encoding" in request.headers:
        # Otherwise gunicorn's thread waits for what is left unread, up to five seconds.
        connection.shutdown(socket.SHUT_RD)
