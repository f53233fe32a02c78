"""What docs/security.md promises beyond the tests of each part, and that the tests it names exist."""

import ast
import hmac
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import SERVERS, Define, write_kubeconfig
from function_process import ROOT, FunctionProcess, running
from kube import Kube
from make import firing, notification_json
from proxy import Answer, FaultProxy, always
from test_requests import TestHostileText
from waiting import until
from wire import post

from function.webhook import Webhook

PAGE = (ROOT / "docs" / "security.md").read_text()
NAMED = re.findall(r"`(test_\w+\.py)((?:::\w+)*)`", PAGE)
NASTY = TestHostileText.NASTY


def names_in(node: ast.AST, prefix: str = "") -> Iterator[str]:
    """Return the functions and classes of a module as pytest names them."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            name = f"{prefix}::{child.name}"
            yield name
            yield from names_in(child, name)


@pytest.mark.parametrize(("file", "name"), NAMED, ids="".join)
def test_each_test_that_the_page_names_exists(file: str, name: str) -> None:
    module = ast.parse((ROOT / "tests" / file).read_text())

    assert not name or name in names_in(module)


def test_every_line_of_the_tables_names_a_test() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    told = [line for line in rows if "held by" not in line]

    assert len(told) > 20
    assert all(re.search(r"`test_\w+\.py", line.rpartition(" | ")[2]) for line in told)


def test_hostile_text_makes_no_line_of_its_own_in_the_log(
    proxied: FunctionProcess, define: Define, alertname: str
) -> None:
    before = len(proxied.lines())
    name = f"{alertname}\n{{}}\x1b[31m\u2028{NASTY}"

    post(proxied.url, notification_json(firing(name, pod=NASTY), groupKey=NASTY))
    post(proxied.url + "/%0a{}%0d%1b", notification_json())

    until(lambda: "404" in "".join(proxied.lines()[before:]), "all is written")
    lines = [line for line in proxied.lines()[before:] if not SERVERS.match(line)]
    assert [json.loads(line)["event"] for line in lines] == ["alert", "notification", "refused"]
    assert all(line.isascii() and line.isprintable() for line in lines)


def test_a_hostile_subject_selects_its_own_jobs_and_no_others(
    proxied: FunctionProcess, proxy: FaultProxy, define: Define, alertname: str
) -> None:
    rails = {"openfero.io/cooldown": "1h", "openfero.io/subject": "pod"}
    definition = define(alertname, annotations=rails)
    proxy.requests.clear()

    for pod in NASTY, "a,openfero.io/run in (1,2)", "x&limit=0#", "!b":
        response = post(proxied.url, notification_json(firing(alertname, pod=pod)))
        assert response.words == ["created"]

    lists = [request.path for request in proxy.requests if "labelSelector=" in request.path]
    digest = "[0-9a-f]{12}"
    selector = rf"labelSelector=openfero\.io%2Fdefinition%3D{definition}%2Copenfero\.io%2Fsubject%3D{digest}"
    assert len(lists) == len(set(lists)) == 4
    for path in lists:
        assert re.search(rf"\?(.*&)?{selector}(&|$)", path), path


def test_each_token_is_compared_in_constant_time_even_after_one_that_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[Any] = []
    monkeypatch.setattr(
        hmac,
        "compare_digest",
        lambda a, b, real=hmac.compare_digest: compared.append(b) or real(a, b),
    )
    tokens = tmp_path / "tokens"
    tokens.write_text("first\nsecond\nthird\n")
    webhook = Webhook(None, str(tokens))  # type: ignore[arg-type]

    for token in "first", "third", "guess":
        with webhook.receive("POST", "/", {"authorization": f"Bearer {token}"}) as reception:
            assert reception.wants_body
            assert (reception.known is None) == (token != "guess")

    assert compared == [b"first", b"second", b"third"] * 3


SENDERS, CLUSTERS = "the-token-of-the-senders", "the-token-for-the-api-server"


@pytest.fixture
def trusted(door: str, proxy: FaultProxy, kube: Kube, tmp_path: Path) -> Iterator[FunctionProcess]:
    """A function with both tokens; the embedded API takes any."""
    tokens, log = tmp_path / "tokens", tmp_path / "log"
    tokens.write_text(SENDERS)
    kubeconfig = write_kubeconfig(
        tmp_path / "a.kubeconfig", proxy.url, kube.token or CLUSTERS, kube.namespace
    )
    with running(door, log, kubeconfig, OPENFERO_TOKEN_FILE=str(tokens)) as function:
        yield function


def test_no_token_is_anywhere_to_be_read(
    trusted: FunctionProcess, proxy: FaultProxy, kube: Kube, define: Define, alertname: str
) -> None:
    repaired, broken = define(alertname), define(f"{alertname}Broken", manifest="a: [")
    alerts = [firing(alertname), firing(f"{alertname}Broken")]

    def tell() -> str:
        head = {"authorization": f"Bearer {SENDERS}"}
        return post(trusted.url, notification_json(*alerts), **head).text

    with proxy.playing(always(Answer(401, b"{}"))):
        refused = tell()
    with proxy.refusing():
        unavailable = tell()
    settled = tell()
    until(lambda: kube.events(broken) and kube.events(repaired), "both are told of")

    secrets = (SENDERS, kube.token or CLUSTERS)
    assert proxy.requests[-1].headers["Authorization"] == f"Bearer {secrets[1]}"
    seen = [refused, unavailable, settled, *trusted.lines(), *processes(trusted)]
    seen += [json.dumps(each) for each in (*kube.events(broken), *kube.events(repaired))]
    seen += [json.dumps(each) for each in kube.jobs(repaired)]
    assert len(seen) > 10
    for text in seen:
        assert not [secret for secret in secrets if secret in text]


def processes(function: FunctionProcess) -> list[str]:
    """Return the arguments and variables of the server and of what it has started."""
    ids = [function.process.pid]
    for pid in ids:
        children = Path(f"/proc/{pid}/task/{pid}/children")
        ids += map(int, children.read_text().split())
    return [
        Path(f"/proc/{pid}/{what}").read_text() for pid in ids for what in ("cmdline", "environ")
    ]
