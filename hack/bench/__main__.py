"""`make bench`: measures the function; writes docs/performance.json and the tables of docs/performance.md.

Whole processes, from outside, each figure beside its comparison in the same run. A part
can be measured by itself, with --only: what the file holds of the others stays.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
# The project, and what its tests start a real API server with.
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "hack")]

import data  # noqa: E402
import machine  # noqa: E402
import marked  # noqa: E402
import pods  # noqa: E402
from cases import CASES  # noqa: E402
from environments import find  # noqa: E402
from records import Records  # noqa: E402
from tables import tables  # noqa: E402


def main() -> None:
    """Measure, and write down what was found."""
    options = read_options(sys.argv[1:])
    if options.render:
        marked.write(options.page, tables(data.read(options.data)))
    else:
        measure(options)


def measure(options: argparse.Namespace) -> None:
    """Measure each part, and keep it as soon as it is there."""
    pods.enter()
    os.sched_setaffinity(0, machine.OTHERS)
    environments = find(options.python)
    for case in options.only or CASES:
        records = Records()
        with tempfile.TemporaryDirectory() as folder:
            CASES[case](options, environments, Path(folder), records)
        data.keep(options.data, case, environments, records)
        marked.write(options.page, tables(data.read(options.data)))


def read_options(arguments: list[str]) -> argparse.Namespace:
    """Return what was asked for on the command line."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    for name, default, text in (
        ("--rounds", 12, "starts of each kind; of groups and storms half as many"),
        (
            "--requests",
            2000,
            "warm alerts, one by one; where the namespace grows a twentieth of it",
        ),
        ("--alerts", 100_000, "for the last figure about memory"),
    ):
        parser.add_argument(name, type=int, default=default, help=f"{text} (%(default)s)")
    for name, text in (
        (
            "--foreign",
            "the command of another program: it finds KUBECONFIG and PORT in its environment",
        ),
        ("--foreign-name", "what it is called"),
    ):
        parser.add_argument(name, default="", help=text)
    parser.add_argument("--only", action="append", choices=CASES, help="may be repeated")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 1000, 20_000])
    parser.add_argument(
        "--python", type=Path, action="append", default=[], help="has a server; may be repeated"
    )
    parser.add_argument("--render", action="store_true", help="only write the tables anew")
    for name in ("data", "page"):
        default = ROOT / f"docs/performance.{'json' if name == 'data' else 'md'}"
        parser.add_argument(f"--{name}", type=Path, default=default)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
