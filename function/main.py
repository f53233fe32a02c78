"""The door for functions-framework: `--source function/main.py --target openfero`.

functions-framework loads this file by its path, as a module of its own, so everything
else is imported by its full name.
"""

import os

import flask
import functions_framework

from function.start import start

# Its own default is four threads a CPU, of the node: hanging notifications would leave
# none for the health probes. Threads are made when they are needed.
os.environ.setdefault("THREADS", "80")

webhook = start(os.environ)


@functions_framework.http
def openfero(request: flask.Request) -> flask.Response:
    """Answer one request."""
    headers = {name.lower(): value for name, value in request.headers}
    with webhook.receive(request.method, request.path, headers) as reception:
        while (chunk := request.stream.read(65536)) and reception.feed(chunk):
            pass
        answer = reception.settle()
    # A streamed answer: for any other, functions-framework first reads the rest of the
    # body into memory, however large it is.
    told = {**answer.headers, "Content-Length": str(len(answer.body))}
    return flask.Response(iter([answer.body]), answer.status, told)
