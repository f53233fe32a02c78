"""A function for functions-framework around one of the clients beside it."""

import flask
import functions_framework
from client import settle


@functions_framework.http
def openfero(request: flask.Request) -> str:
    """Answer one request."""
    if request.method == "POST":
        request.get_data()
        settle()
    return "OK"
