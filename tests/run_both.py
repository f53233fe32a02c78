"""Runs the suite in both environments, then what a newcomer types, and counts over all.

What is given on the command line goes to pytest. The last line is the sum; the exit
status is 0 only if tests ran in each and none failed.
"""

import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parent.parent
# Each environment holds one of the two servers; none can hold both.
FUNCTIONS_FRAMEWORK = ROOT / ".venv/functions-framework"
FUNC = ROOT / ".venv/func"

# Four at once, however few the cores are: many tests wait for something.
CORE = ("-n4", "--dist=loadscope")
Run = tuple[str, Path, tuple[str, ...]]
RUNS: tuple[Run, ...] = (
    ("the suite with functions-framework", FUNCTIONS_FRAMEWORK, CORE),
    ("the suite with func", FUNC, CORE),
    ("make, make run and func's scaffold", FUNCTIONS_FRAMEWORK, ("-m", "setup")),
)
# What touches a Kubernetes API, each worker with a control plane of its own.
ASKING = ("requests", "doors", "cluster", "docs")
ON_REAL = ("-n2", "--dist=loadscope", *(f"tests/test_{name}.py" for name in ASKING))
REAL_RUNS: tuple[Run, ...] = (
    ("on a real control plane, with functions-framework", FUNCTIONS_FRAMEWORK, ON_REAL),
    ("on a real control plane, with func", FUNC, ON_REAL),
    # By itself: policies that confine the function hold a moment longer than they are there.
    ("what is applied to a cluster", FUNCTIONS_FRAMEWORK, ("tests/test_knative.py",)),
)


def main(arguments: list[str]) -> int:
    """Run all, print the sum, and return the exit status."""
    runs = REAL_RUNS if "--api=real" in arguments else RUNS
    total: Counter[str] = Counter()
    status = 0
    with tempfile.TemporaryDirectory() as folder:
        for number, (title, environment, options) in enumerate(runs):
            report = Path(folder, f"{number}.xml")
            print(f"\n== {title}", flush=True)
            code = run_pytest(environment / "bin/python", report, [*options, *arguments])
            counts = count(report)
            total += counts
            if code or not counts["passed"]:
                status = 1
    print(f"total: {total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return status


def run_pytest(python: Path, report: Path, arguments: list[str]) -> int:
    """Run the suite, whose output is seen as it comes; return pytest's exit status."""
    command = [python, "-m", "pytest", f"--junitxml={report}", *arguments]
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL).returncode


def count(report: Path) -> Counter[str]:
    """Return how many tests passed, failed and were skipped; no report is a failure."""
    if not report.exists():
        return Counter(failed=1)
    return Counter(outcome(case) for case in ElementTree.parse(report).iter("testcase"))


def outcome(case: ElementTree.Element) -> str:
    """Return the word for one test; an error before or after it is a failure of it."""
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "passed" if case.find("skipped") is None else "skipped"


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
