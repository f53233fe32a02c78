"""The cases of `make bench`, each with the API that it needs."""

import argparse
from collections.abc import Callable
from pathlib import Path

import cold
import growth
import memory
import targets
import warm
from environments import Environment, marks
from records import Records

Case = Callable[[argparse.Namespace, list[Environment], Path, Records], None]


def _cold(
    options: argparse.Namespace, environments: list[Environment], folder: Path, records: Records
) -> None:
    with targets.embedded(folder) as target:
        cold.measure(environments, target, folder, options.rounds, records)


def _real(
    options: argparse.Namespace, environments: list[Environment], folder: Path, records: Records
) -> None:
    foreign = (options.foreign_name, options.foreign)
    with targets.real(folder) as target:
        cold.on_a_real_api(marks(environments), foreign, target, folder, options.rounds, records)


def _warm(
    options: argparse.Namespace, environments: list[Environment], folder: Path, records: Records
) -> None:
    rounds = max(1, options.rounds // 2)
    # What is loaded stays: without lazy imports the newest is no other program once it runs.
    chosen = [each for each in environments if each.lazy or not each.is_new]
    with targets.embedded(folder) as target:
        warm.measure(chosen, target, folder, options.requests, rounds, records)


def _growth(
    options: argparse.Namespace, environments: list[Environment], folder: Path, records: Records
) -> None:
    requests = max(1, options.requests // 20)
    with targets.real(folder) as target:
        growth.measure(marks(environments), target, folder, options.sizes, requests, records)


def _memory(
    options: argparse.Namespace, environments: list[Environment], folder: Path, records: Records
) -> None:
    with targets.embedded(folder) as target:
        memory.measure(marks(environments), target, folder, options.alerts, records)


CASES: dict[str, Case] = {
    "cold": _cold,
    "real": _real,
    "warm": _warm,
    "growth": _growth,
    "memory": _memory,
}
