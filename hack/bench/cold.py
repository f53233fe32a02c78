"""Case 1: from exec to the first Job, whole processes, each beside its comparisons."""

import os
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from environments import Environment
from machine import pss
from notifications import jobs, notification
from records import Record, Records
from servers import OURS, Program, program, running
from targets import Target
from watching import await_job

CLIENTS = ("hello", "floor", "raw", "typed", OURS)
WITHOUT = ("hello", OURS)
"""What is also started without byte code of the standard library."""


@dataclass(frozen=True)
class Start:
    """One way to start, under the name it has in the tables."""

    environment: str
    variant: str
    program: Program


def measure(
    environments: list[Environment], target: Target, folder: Path, rounds: int, records: Records
) -> None:
    """Start all ways in each round, in an order of its own; the first round only warms up."""
    target.lay_account()
    ways = [way for each in environments for way in _ways(each, target, folder)]
    for number in range(-1, rounds):
        for way in random.sample(ways, len(ways)):
            milliseconds, mib = _first_answer(way.program, folder)
            if number >= 0:
                records.add(Record("cold", way.environment, way.variant), milliseconds, mib)
        records.progress(f"cold start, round {number + 1} of {rounds}")


def _ways(environment: Environment, target: Target, folder: Path) -> Iterator[Start]:
    told = target.environ | {"BENCH_JOB": str(folder / "job.json")}
    for client in CLIENTS:
        yield Start(environment.label, client, program(environment, client, **told))
    library = _without_byte_code(environment, folder)
    for client in WITHOUT:
        made = program(environment, client, **told)
        path = f"{library}:{made.environ['PYTHONPATH']}"
        environ = {**made.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        variant = f"{client}, no byte code of the standard library"
        yield Start(environment.label, variant, replace(made, environ=environ))


def _without_byte_code(environment: Environment, folder: Path) -> Path:
    """Return a copy of the standard library as the official images have it: sources alone."""
    copy = folder / f"library-{environment.version}"
    if not copy.exists():
        names = ("__pycache__", "site-packages", "dist-packages", "test", "idlelib", "config-*")
        ignored = shutil.ignore_patterns(*names)
        shutil.copytree(environment.library, copy, ignore=ignored, ignore_dangling_symlinks=True)
    return copy


def _first_answer(program: Program, folder: Path) -> tuple[float, float]:
    """Return the milliseconds from exec to the first answer, and the MiB then."""
    body = notification()
    (folder / "job.json").write_text(jobs(body)[0])
    with running(program, folder / "server.log") as server:
        answer = server.post(server.connect(), body)
        milliseconds = (time.perf_counter() - server.started) * 1000
        assert b"outcomes" not in answer or b'"created"' in answer, answer
        return milliseconds, pss(server.process.pid)


def on_a_real_api(
    environments: list[Environment],
    foreign: tuple[str, str],
    target: Target,
    folder: Path,
    rounds: int,
    records: Records,
) -> None:
    """On a real API: from exec until the API server has a Job, of the function and of another program."""
    target.lay_account()
    name, line = foreign
    line = line.replace("{kubeconfig}", str(target.kubeconfig))
    told = {"KUBECONFIG": str(target.kubeconfig), "PORT": "{port}"}
    environ = {"PATH": os.environ["PATH"], **told}
    ways = [Start(name, name, Program(("sh", "-c", f"exec {line}"), environ))] if line else []
    ways += [
        Start(each.label, OURS, program(each, OURS, **target.environ)) for each in environments
    ]
    for number in range(-1, rounds):
        for way in random.sample(ways, len(ways)):
            with running(way.program, folder / "server.log") as server:
                milliseconds = await_job(server, target, notification())
                mib = pss(server.process.pid)
            if number >= 0:
                records.add(Record("real", way.environment, way.variant), milliseconds, mib)
        records.progress(f"cold start on a real API server, round {number + 1} of {rounds}")
