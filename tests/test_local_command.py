"""`openfero local`, as a newcomer starts it."""

import json
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from kube import Kube
from make import MANIFEST
from openfero import PROGRAM, Ran, openfero
from wire import get

from function.local.kubeconfig import build_kubeconfig
from function.manifests import read_yaml


@contextmanager
def running(kubeconfig: Path, *options: object) -> Iterator[subprocess.Popen[str]]:
    """Run it, ready, on a free port; kill it if the block has not ended it."""
    words = ["local", "--port", "0", "--kubeconfig", kubeconfig, *options]
    with subprocess.Popen(
        [PROGRAM, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def on_a_taken_port(*options: object) -> Ran:
    """Run it where it ends even if it finds nothing wrong with its options."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return openfero("local", "--port", taken.getsockname()[1], *options)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_in_one_line_where_it_is_and_ends_quietly(
    tmp_path: Path, number: signal.Signals
) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    with running(kubeconfig, "--namespace", "jobs") as process:
        line = line_of(process)
        config = json.loads(kubeconfig.read_text("utf-8"))
        url = config["clusters"][0]["cluster"]["server"]

        assert line == f"listening on {url}: export KUBECONFIG={kubeconfig}\n"
        assert config["contexts"][0]["context"]["namespace"] == "jobs"
        assert kubeconfig.stat().st_mode & 0o777 == 0o600
        with urllib.request.urlopen(f"{url}/api/v1/namespaces/jobs", timeout=5) as answer:
            assert answer.status == 200
        process.send_signal(number)
        assert process.communicate(timeout=5) == ("", "")
        assert process.returncode == 0


def test_its_jobs_are_in_openfero_jobs_and_run_as_long_as_asked(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.touch()  # as mktemp does
    with running(kubeconfig, "--pod-seconds", "0.01") as process:
        line_of(process)
        kube = Kube(str(kubeconfig))

        kube.create("jobs", read_yaml(MANIFEST))
        kube.complete("free-the-quota")
        kube.close()

        assert kube.namespace == "openfero-jobs"


def test_a_token_is_asked_for(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    with running(kubeconfig, "--token", "secret") as process:
        line_of(process)
        config = json.loads(kubeconfig.read_text("utf-8"))
        url = config["clusters"][0]["cluster"]["server"]

        assert get(f"{url}/api/v1/namespaces").status == 401

    assert config["users"][0]["user"] == {"token": "secret"}


def test_it_speaks_tls_with_the_certificate_that_is_given(tmp_path: Path) -> None:
    trustme = pytest.importorskip("trustme", reason="needs trustme: install the extra `test`")
    issued = trustme.CA().issue_cert("127.0.0.1", "localhost")
    (tmp_path / "key").write_bytes(issued.private_key_pem.bytes())
    (tmp_path / "cert").write_bytes(issued.cert_chain_pems[0].bytes())

    with running(tmp_path / "config", "--tls", tmp_path / "cert", tmp_path / "key") as process:
        assert line_of(process).startswith("listening on https://127.0.0.1:")


@pytest.mark.parametrize(
    "content",
    [
        "apiVersion: v1\nkind: Config\nclusters: [{name: prod, cluster: {server: https://prod}}]\n",
        "some other file: [",
        "\0\xff",
    ],
)
def test_what_is_not_its_own_is_not_written_over(tmp_path: Path, content: str) -> None:
    theirs = tmp_path / "config"
    theirs.write_text(content, "latin-1")

    ran = on_a_taken_port("--kubeconfig", theirs)

    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"Error: {theirs} is there, and not of `openfero local`: ")
    assert theirs.read_text("latin-1") == content


def test_a_context_of_somebody_beside_its_own_is_not_written_over(tmp_path: Path) -> None:
    config = build_kubeconfig("http://127.0.0.1:1", "jobs")
    config["contexts"].append({"name": "prod", "context": {}})
    (tmp_path / "config").write_text(json.dumps(config))

    assert "not of `openfero local`" in on_a_taken_port("--kubeconfig", tmp_path / "config").stderr


def test_its_own_file_is_written_again_even_if_kubectl_has_rewritten_it(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(yaml.safe_dump(build_kubeconfig("http://127.0.0.1:1", "jobs")))

    with running(kubeconfig, "-n", "repairs") as process:
        line_of(process)

        assert '"namespace": "repairs"' in kubeconfig.read_text()


def test_a_port_that_is_taken_is_2_and_told_in_one_line(tmp_path: Path) -> None:
    ran = on_a_taken_port("--kubeconfig", tmp_path / "config")

    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("Error: cannot listen on port ")
    assert ran.stderr.endswith("take another one: --port 0\n")
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--port", "65536"], "65536 is not in the range"),
        (["--pod-seconds", "-1"], "-1.0 is not in the range"),
        (["--tls", "none", "none"], "File 'none' does not exist"),
        (["--port", "0", "--tls", "text", "text"], "the certificate or its key"),
        (["--port", "0", "--kubeconfig", "none/config"], "cannot write none/config: No such file"),
    ],
)
def test_what_cannot_be_meant_is_2_and_says_so(
    tmp_path: Path, options: list[str], says: str
) -> None:
    (tmp_path / "text").write_text("no certificate")

    ran = openfero("local", *options, cwd=tmp_path)

    assert (ran.returncode, ran.stdout) == (2, "")
    assert says in ran.stderr
    assert "Traceback" not in ran.stderr


def test_its_help_begins_with_an_example() -> None:
    assert openfero("local", "--help").stdout.startswith("Example: openfero local ")
