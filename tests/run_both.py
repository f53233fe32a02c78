"""Runs the suite in both environments, then what a newcomer types, and counts over all.

What is given on the command line goes to pytest. The last line is the sum; the exit
status is 0 only if tests ran in each and none failed.
"""

import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import components
import own_cluster

ROOT = Path(__file__).parent.parent
# Each environment holds one of the two servers; none can hold both.
FUNCTIONS_FRAMEWORK = ROOT / ".venv/functions-framework"
FUNC = ROOT / ".venv/func"

# Four at once, however few the cores are: many tests wait for something.
CORE = ("-n4", "--dist=loadscope")
Run = tuple[str, Path, tuple[str, ...]]
# What must hold in each server, in the one of the image.
GUNICORN = ("--door=gunicorn", "-m", "every_server")
# What stands around the function, and for which any server will do: the command openfero, the
# embedded API, what is applied to a cluster, the project itself. Once is enough.
BESIDE = (
    "alertmanager_config",
    "components",
    "fuzz",
    "knative",
    "lint",
    "local",
    "migrate",
    "monitoring",
    "new",
    "performance",
    "pin",
    "plugin",
    "run_both",
    "scripts",
    "simulate",
    "soak",
    "starter",
    "storms",
    "terminal",
    "write_a_definition",
)
# What comes in through a door and asks a Kubernetes API, each worker with a control plane of
# its own; and what asks it whatever the door.
THROUGH = ("requests", "doors", "broker", "func_invoke")
ASKING = (
    "guard_rails",
    "telling",
    "on_call",
    "cluster",
    "docs",
    "security",
    "upgrade",
    "simulate",
    "lint",
    "lint_parity",
    "lint_server",
    "write_a_definition",
)
# What needs more than one to ask: several servers, a pod, Prometheus and Alertmanager.
# The longest first.
AROUND = (
    "chain_faults",
    "soak_run",
    "in_a_pod",
    "chain",
    "chain_guards",
    "install",
    "own_cluster",
    "two_servers",
)
# By itself: policies that confine the function hold a moment longer than they are there.
APPLIED = ("knative", "components", "alertmanager_config", "new")
# Each entry of the starter pack, as its account.
PACK = (
    "starter_pack",
    *(
        f"starter_{path.parent.name}"
        for path in sorted(ROOT.glob("knative/definitions/*/alerts.json"))
    ),
)
BY_MODULE = ("--dist=loadscope", "--no-loadscope-reorder")
TWO = ("-n2", *BY_MODULE)
# They mostly wait, for a minute without API server or for a token to be read again.
FOUR = ("-n4", *BY_MODULE)


def beside() -> tuple[str, ...]:
    """Return the files of BESIDE, each of which is the beginning of a name."""
    found = {path for name in BESIDE for path in ROOT.glob(f"tests/test_{name}*.py")}
    return ("tests/local", *(str(path.relative_to(ROOT)) for path in sorted(found)))


def files(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"tests/test_{name}.py" for name in names)


FUNCTION = (*CORE, *(f"--ignore={path}" for path in beside()))
RUNS: tuple[Run, ...] = (
    ("the function with functions-framework", FUNCTIONS_FRAMEWORK, FUNCTION),
    ("the function with func", FUNC, FUNCTION),
    ("what must hold in each server, with gunicorn", FUNCTIONS_FRAMEWORK, (*FUNCTION, *GUNICORN)),
    ("what stands around the function", FUNCTIONS_FRAMEWORK, (*CORE, *beside())),
    ("make, make run, func's scaffold and the image", FUNCTIONS_FRAMEWORK, ("-m", "setup")),
)


IN_ANY_CLUSTER: tuple[Run, ...] = (
    (
        "on a real API, with functions-framework",
        FUNCTIONS_FRAMEWORK,
        (*TWO, *files(THROUGH), *files(ASKING)),
    ),
    ("on a real API, with func", FUNC, (*TWO, *files(THROUGH))),
    ("on a real API, with gunicorn", FUNCTIONS_FRAMEWORK, (*TWO, *GUNICORN, *files(THROUGH))),
)
IN_OURS: tuple[Run, ...] = (
    ("what is around the function", FUNCTIONS_FRAMEWORK, (*FOUR, *files(AROUND))),
    ("what is applied to a cluster", FUNCTIONS_FRAMEWORK, (*TWO, *files(APPLIED))),
    ("the starter pack", FUNCTIONS_FRAMEWORK, (*TWO, *files(PACK))),
)


def main(arguments: list[str]) -> int:
    """Run all, print the sum, and return the exit status."""
    real = "--api=real" in arguments
    total: Counter[str] = Counter()
    status = 0
    with tempfile.TemporaryDirectory() as folder:
        for number, (title, environment, options) in enumerate(real_runs() if real else RUNS):
            report = Path(folder, f"{number}.xml")
            print(f"\n== {title}", flush=True)
            code = run_pytest(environment / "bin/python", report, [*options, *arguments])
            counts = count(report)
            total += counts
            if code or not counts["passed"]:
                status = 1
    if real:
        print_components()
    print(f"total: {total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return status


def real_runs() -> tuple[Run, ...]:
    """Return what runs on a real API: in somebody's cluster only what leaves the rest of it alone."""
    return IN_ANY_CLUSTER if own_cluster.given() else IN_ANY_CLUSTER + IN_OURS


def print_components() -> None:
    """Print each real component that took part, with its version."""
    print("\nthe real components:")
    for title, found in (
        ("", components.kubernetes()),
        ("", components.monitoring()),
        (" (functions-framework)", components.packages(FUNCTIONS_FRAMEWORK / "bin/python")),
        (" (func)", components.packages(FUNC / "bin/python")),
    ):
        for name, version in found:
            print(f"  {name} {version}{title}")


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
