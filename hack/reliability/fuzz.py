"""`make fuzz`: many hostile requests and definitions, and what the function makes of each.

Each case goes the whole way, from the webhook to a Kubernetes API on loopback that is always
well. Prints a table, and for each failure the command that shows it alone; exits with 1 then.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
# The project, the values that its tests begin with, and what all of hack/ shares.
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "hack")]

import marked  # noqa: E402
from fuzzing import workers  # noqa: E402
from fuzzing.batches import KINDS, counts, replayed  # noqa: E402
from fuzzing.report import Tally, failures, findings, table  # noqa: E402
from fuzzing.subject import a_subject  # noqa: E402

COMMAND = "hack/reliability/fuzz.py"


def main(arguments: list[str]) -> int:
    """Do what was asked for, and return the exit status."""
    options = read_options(arguments)
    if options.case:
        return replay(options.seed, options.case)
    tallies = {kind: Tally() for kind in KINDS}
    for kind, tally in workers.run(options.seed, counts(options.cases), options.at_once):
        tallies[kind].add(tally)
        print(f"{kind}: {tally.cases} cases, {len(findings(tally))} failed", flush=True)
    if options.write:
        marked.write(options.page, {"fuzz": table(tallies)})
    return finish(options.seed, tallies)


def finish(seed: int, tallies: Mapping[str, Tally]) -> int:
    """Print the table and what failed, and return the exit status."""
    found = [*failures(COMMAND, seed, tallies)]
    print("\n".join([table(tallies), *found]))
    return 1 if found else 0


def replay(seed: int, named: str) -> int:
    """Run what is named KIND:NUMBER or KIND:FIRST-LAST, and print what came of it."""
    kind, _, numbers = named.partition(":")
    first, _, last = numbers.partition("-")
    with a_subject() as subject:
        lines = [*replayed(subject, seed, kind, range(int(first), int(last or first) + 1))]
    print("\n".join(lines))
    return 1 if any(line.startswith("  FAILED") for line in lines) else 0


def read_options(arguments: list[str]) -> argparse.Namespace:
    """Return what was asked for on the command line."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000, help="of all kinds (%(default)s)")
    parser.add_argument(
        "--seed", type=int, default=1, help="another one, other cases (%(default)s)"
    )
    parser.add_argument("--case", default="", metavar="KIND:NUMBER", help="run this one alone")
    parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--write", action="store_true", help="write the table into the page")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "reliability.md")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
