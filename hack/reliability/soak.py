"""`make soak`: alerts by the hundred while all goes wrong, and what is left of them afterwards.

A real API server, a real pair of Alertmanagers and two processes of the function, which are
killed and started again at random. The exit status is 0 only if nothing was lost or doubled.
"""

import argparse
import shutil
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
# The project, its tests' processes, and what the benchmark measures memory with.
sys.path[:0] = [str(ROOT / name) for name in (".", "tests", "hack", "hack/bench")]

import components  # noqa: E402
import marked  # noqa: E402
from alertmanagers import NEEDS, find_release  # noqa: E402
from soaking import table  # noqa: E402
from soaking.play import soak  # noqa: E402

PAGE = ROOT / "docs" / "reliability.md"


def main(arguments: list[str]) -> int:
    """Soak, print the table and what is wrong, and return the exit status."""
    options = read_options(arguments)
    release = find_release(options.release)
    if not release:
        sys.exit(NEEDS[options.release])
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    with (folder / "log").open("w") as log, redirect_stdout(log):
        result = soak(folder, release, options.seed, options.minutes * 60)
    kubernetes = dict(components.kubernetes())["kube-apiserver"]
    row = table.row(release.version, kubernetes, options.seed, options.minutes, result)
    print(marked.table(table.HEAD, [row]))
    if problems := table.problems(result):
        print(*problems, f"The logs are in {folder}", sep="\n")
        return 1
    shutil.rmtree(folder)
    if options.write:
        keep(row)
    return 0


def keep(row: table.Row) -> None:
    """Put a row into the page, instead of that of the same Alertmanager."""
    rows = table.merged(marked.rows(PAGE.read_text(), "soak"), row)
    marked.write(PAGE, {"soak": marked.table(table.HEAD, rows)})


def read_options(arguments: list[str]) -> argparse.Namespace:
    """Return what was asked for on the command line."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument(
        "--minutes", type=float, default=5, help="as long all goes wrong (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="what goes wrong when (%(default)s)")
    parser.add_argument("--release", choices=NEEDS, default="packaged", help="of Alertmanager")
    parser.add_argument(
        "--write", action="store_true", help="put the table into docs/reliability.md"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
