"""Case 3: a namespace that fills: the way of an alert without guard rails, and with them."""

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clients import Bare, bare
from environments import Environment
from notifications import CONFIG_MAP, NAMESPACE, jobs, notification
from records import Record, Records
from servers import OURS, Server, program, running
from targets import Target

GUARDED = "BenchGuarded"
SUBJECTS = 20
"""Subjects that have Jobs of their own."""
OWN = 20
"""Jobs that each of them has before anything is measured."""
CONFIG_MAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"

MANY = 1000
"""Jobs that are made of one notification: the function takes no more than ten thousand alerts."""


def measure(
    environments: list[Environment],
    target: Target,
    folder: Path,
    sizes: list[int],
    requests: int,
    records: Records,
) -> None:
    """Fill the namespace step by step; at each measure all ways in turns."""
    target.ask("POST", CONFIG_MAPS, _guarded())
    target.lay_account()
    _prepare(environments[0], target, folder)
    before = 0
    for size in sizes:
        _fill(environments[0], target, folder, size - before)
        before = size
        for each in environments:
            started = program(each, OURS, **target.environ)
            with (
                running(started, folder / "server.log") as server,
                bare(each, target, folder) as client,
            ):
                _measure(each.label, size, server, client, requests, records)
        records.progress(f"growth: {size:,} definitions and Jobs")


def _measure(
    label: str, size: int, server: Server, client: Bare, requests: int, records: Records
) -> None:
    connection = server.connect()
    server.post(connection, notification())
    ways = [way for number in range(requests) for way in _ways(number)]
    for name, labels in random.sample(ways, len(ways)):
        record = Record(f"growth to {size}", label, name)
        if name == "bare calls":
            _, [microseconds] = client.create(jobs(notification()), reads=True)
            records.add(record, microseconds / 1000)
            continue
        body = notification(**labels)
        started = time.perf_counter()
        server.post(connection, body)
        records.add(record, (time.perf_counter() - started) * 1000)


def _ways(number: int) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each way once; each alert gives its subject one Job more."""
    yield "bare calls", {}
    yield "without guard rails", {}
    fresh = f"fresh-{time.monotonic_ns():x}"
    yield "guarded, a subject without Jobs", {"name": GUARDED, "service": fresh}
    subject = f"subject-{number % SUBJECTS}"
    yield f"guarded, a subject with {OWN} Jobs and more", {"name": GUARDED, "service": subject}


def _guarded() -> dict[str, Any]:
    [text] = CONFIG_MAP["data"].values()
    annotations = {"openfero.io/max-runs": "1000/24h", "openfero.io/subject": "service"}
    metadata = {
        "name": f"openfero-{GUARDED.lower()}-firing",
        "namespace": NAMESPACE,
        "annotations": annotations,
    }
    return CONFIG_MAP | {"metadata": metadata, "data": {GUARDED: text}}


def _prepare(environment: Environment, target: Target, folder: Path) -> None:
    """Let the function give each of the subjects its Jobs."""
    with running(program(environment, OURS, **target.environ), folder / "server.log") as server:
        connection = server.connect()
        for number in range(SUBJECTS):
            for _ in range(OWN):
                server.post(connection, notification(name=GUARDED, service=f"subject-{number}"))


def _fill(environment: Environment, target: Target, folder: Path, count: int) -> None:
    """Add definitions and Jobs."""
    with bare(environment, target, folder) as client:
        for start in range(0, count, MANY):
            client.create(jobs(notification(min(MANY, count - start))), 16)
    with bare(environment, target, folder, CONFIG_MAPS) as client:
        client.create((json.dumps(_definition(index)) for index in range(count)), 16)


def _definition(index: int) -> dict[str, Any]:
    name = f"openfero-bench-{time.monotonic_ns():x}-{index}-firing"
    return CONFIG_MAP | {"metadata": {"name": name, "namespace": NAMESPACE}}
