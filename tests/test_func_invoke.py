"""What `func invoke` sends, byte for byte, and what people see of it.

The requests are those of func 1.23: through Go's HTTP client with `-f http`, through the
CloudEvents SDK for Go with `-f cloudevent`. func itself is not installed here.
"""

import argparse
import http.client
import re
import shlex
import socket
from urllib.parse import urlsplit

import pytest
from cloud_events import from_http
from conftest import Define
from function_process import ROOT
from kube import Kube, variables
from wire import Response

pytestmark = pytest.mark.every_server

BY_FILE = "func invoke --file test/alerts.json"

HEAD = {
    "http": """\
POST / HTTP/1.1
Host: {host}
User-Agent: Go-http-client/1.1
Content-Length: {length}
Content-Type: application/json
Accept-Encoding: gzip

""",
    "cloudevent": """\
POST / HTTP/1.1
Host: {host}
User-Agent: Go-http-client/1.1
Content-Length: {length}
Ce-Id: 5c1d6f0e-8f5b-4b0e-9d0c-2f6f3a1b7e44
Ce-Source: {source}
Ce-Specversion: 1.0
Ce-Time: 2026-11-24T11:20:26.561541244Z
Ce-Type: {type}
Content-Type: application/json
Accept-Encoding: gzip

""",
}

in_both_formats = pytest.mark.parametrize("form", HEAD)


def invoke(url: str, command: str) -> Response:
    """Send exactly the bytes that a command sends, in one piece."""
    flags = read_flags(command)
    data = (ROOT / flags.file).read_bytes() if flags.file else flags.data.encode()
    address = urlsplit(url)
    head = HEAD[flags.format].format(
        host=address.netloc, length=len(data), source=flags.source, type=flags.type
    )
    with socket.create_connection((address.hostname, address.port), timeout=40) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + data)
        answer = http.client.HTTPResponse(connection, method="POST")
        answer.begin()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Response(answer.status, headers, answer.read())


def read_flags(command: str) -> argparse.Namespace:
    """Return func's flags, with func's defaults."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command", nargs=2)
    parser.add_argument("-f", "--format", default="http")
    parser.add_argument("--target")
    parser.add_argument("--file")
    parser.add_argument("--data", default='{"message":"Hello World"}')
    parser.add_argument("--source", default="/boson/fn")
    parser.add_argument("--type", default="boson.fn")
    return parser.parse_args(shlex.split(command))


def lines_of_the_readme() -> list[str]:
    text = (ROOT / "test" / "README.md").read_text()
    return re.findall(r"^func invoke .*", text, re.MULTILINE)


def namespaces_repaired(kube: Kube, definition: str) -> list[str]:
    return sorted(variables(job)["OPENFERO_NAMESPACE"] for job in kube.jobs(definition))


def names(kube: Kube) -> set[str]:
    return {job["metadata"]["name"] for job in kube.list("jobs")}


def test_the_alerts_of_a_file_get_their_jobs_and_each_outcome_is_shown(
    function: str, kube: Kube, define: Define
) -> None:
    definition = define("KubeQuotaAlmostFull")

    response = invoke(function, BY_FILE)

    # func shows the body of a 2xx, and of nothing else.
    assert response.status == 200
    assert response.words == ["created", "created", "no-definition", "no-definition"]
    assert namespaces_repaired(kube, definition) == ["payments", "shop"]


def test_as_a_cloudevent_they_get_the_same_jobs_and_the_event_that_comes_back_is_shown(
    function: str, kube: Kube, define: Define
) -> None:
    """With this format func shows an event that comes back, and ends well whatever happens."""
    definition = define("KubeQuotaAlmostFull")

    response = invoke(function, f"{BY_FILE} -f cloudevent")

    event = from_http(response.headers, response.body)
    assert (response.status, event["type"]) == (200, "io.openfero.notification.settled")
    assert event.data["counts"] == {"created": 2, "no-definition": 2}
    assert namespaces_repaired(kube, definition) == ["payments", "shop"]


def test_once_in_each_format_makes_no_second_job(function: str, kube: Kube, define: Define) -> None:
    definition = define("KubeQuotaAlmostFull")

    invoke(function, f"{BY_FILE} -f cloudevent")
    response = invoke(function, BY_FILE)

    assert response.words[:2] == ["exists", "exists"]
    assert len(kube.jobs(definition)) == 2


@in_both_formats
def test_what_it_sends_by_default_is_400_in_a_line_that_says_what_is_missing(
    function: str, kube: Kube, form: str
) -> None:
    before = names(kube)

    response = invoke(function, f"func invoke -f {form}")

    assert (response.status, response.headers["content-type"]) == (400, "text/plain; charset=utf-8")
    assert response.text == "not a notification of Alertmanager: alerts must be a list"
    assert names(kube) == before


@in_both_formats
def test_a_broken_definition_is_422_to_it(function: str, define: Define, form: str) -> None:
    define("KubeQuotaAlmostFull", manifest="a: [")

    assert invoke(function, f"{BY_FILE} -f {form}").status == 422


@pytest.mark.parametrize("command", lines_of_the_readme())
def test_the_lines_of_test_readme_are_settled(function: str, define: Define, command: str) -> None:
    define("KubeQuotaAlmostFull")

    response = invoke(function, command)

    assert response.status == 200
