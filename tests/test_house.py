"""The structure of the house: which module may import which, held word by word."""

import ast
import sys
from pathlib import Path

import pytest

import function

HOUSE = Path(function.__file__).parent
MODULES = {
    ("function" if path.stem == "__init__" else f"function.{path.stem}"): path
    for path in sorted(HOUSE.glob("*.py"))
}
LOCAL = sorted((HOUSE / "local").rglob("*.py"))
TOOLS = sorted((HOUSE / "tools").rglob("*.py"))
PATHS = [*MODULES.values(), *LOCAL, *TOOLS]

# From the doors down to what knows nobody: a module imports only what stands below it.
FLOORS = {
    "function.main": {"function.start", "function.webhook", "function.worker"},
    "function.func": {"function.start", "function.webhook"},
    "function.start": {
        "function",
        "function.cluster",
        "function.errors",
        "function.log",
        "function.settings",
        "function.settle",
        "function.webhook",
    },
    "function.webhook": {
        "function.alerts",
        "function.errors",
        "function.log",
        "function.outcomes",
        "function.scales",
        "function.settle",
    },
    "function.worker": set(),
    "function.settle": {
        "function.alerts",
        "function.cluster",
        "function.definitions",
        "function.errand",
        "function.log",
        "function.outcomes",
        "function.rails",
        "function.recorder",
        "function.transport",
    },
    "function.errand": {
        "function.alerts",
        "function.cluster",
        "function.definitions",
        "function.episodes",
        "function.errors",
        "function.events",
        "function.guards",
        "function.jobs",
        "function.labels",
        "function.log",
        "function.look_ups",
        "function.outcomes",
        "function.recorder",
    },
    "function.recorder": {
        "function.cluster",
        "function.errors",
        "function.events",
        "function.labels",
        "function.log",
        "function.outcomes",
        "function.transport",
    },
    "function.look_ups": {
        "function.alerts",
        "function.cluster",
        "function.definitions",
        "function.errors",
        "function.outcomes",
        "function.rails",
    },
    "function.cluster": {
        "function.errors",
        "function.replies",
        "function.settings",
        "function.transport",
    },
    "function.transport": {
        "function",
        "function.errors",
        "function.replies",
        "function.settings",
    },
    "function.jobs": {
        "function.alerts",
        "function.definitions",
        "function.episodes",
        "function.errors",
        "function.guards",
        "function.injection",
        "function.labels",
        "function.rails",
    },
    "function.events": {"function.episodes", "function.outcomes"},
    "function.guards": {"function.labels", "function.outcomes", "function.rails"},
    "function.labels": {"function.alerts", "function.episodes", "function.rails"},
    "function.injection": {"function.alerts", "function.errors"},
    "function.episodes": {"function.alerts"},
    "function.definitions": {
        "function.alerts",
        "function.errors",
        "function.manifests",
        "function.rails",
    },
    "function.outcomes": {"function.alerts", "function.errors"},
    "function.alerts": {"function.envelope", "function.errors"},
    "function.envelope": {"function.errors"},
    "function.manifests": {"function.errors"},
    "function.settings": {"function.errors", "function.rails"},
    "function.rails": {"function.errors"},
    "function.replies": set(),
    "function.scales": set(),
    "function.log": set(),
    "function.errors": set(),
    # The package itself holds the version, and `new` for kn func: see OPENS_THE_DOOR.
    "function": {"function.func"},
}
OPENS_THE_DOOR = ("function", "function.func")
"""The one import that points up: it happens within `new`, when the door is asked for."""

THIRD_PARTIES = {
    "function.main": {"flask", "functions_framework"},
    "function.worker": {"gunicorn"},
    "function.transport": {"kubernetes", "urllib3"},
    "function.envelope": {"cloudevents"},
    "function.manifests": {"yaml"},
}

SHELL = {
    "function.main",
    "function.func",
    "function.start",
    "function.webhook",
    "function.settle",
    "function.errand",
    "function.recorder",
}
"""The modules that may log, or read the environment; all others are told."""

ON_THE_TERMINAL = {
    "command",
    "lint.output",
    "lint_command",
    "local_command",
    "new_command",
    "outcome_table",
    "simulate_command",
    "terminal",
}
"""The modules of the tools that know click, or may: all others return what is to be said."""

IN_A_CLUSTER = {"clusters", "lint.on_server", "lint.stored", "rehearsal", "simulation"}
"""The modules of the tools that ask an API server; who calls them does so for them."""

LONGEST = 250


def imports(path: Path) -> set[str]:
    """Return the modules that a file imports anywhere in it, as they are called."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            full_names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (full_names & MODULES.keys()) or {str(node.module)}
    return found


def top_levels(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(path)}


def where(path: Path) -> str:
    return str(path.relative_to(HOUSE))


def test_each_module_stands_in_the_picture():
    assert MODULES.keys() == FLOORS.keys()


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_those_of_the_picture_and_no_other(module):
    ours = {name for name in imports(MODULES[module]) if name.partition(".")[0] == "function"}

    assert ours == FLOORS[module]


def test_imports_point_one_way():
    floors = list(FLOORS)

    upwards = {
        (module, name)
        for module, names in FLOORS.items()
        for name in names
        if floors.index(name) <= floors.index(module)
    }
    assert upwards == {OPENS_THE_DOOR}


def test_the_door_is_opened_only_when_it_is_asked_for():
    top = ast.parse(MODULES["function"].read_text()).body

    names = [
        node.module for node in top if isinstance(node, ast.ImportFrom) and node.module != "typing"
    ]
    assert names == []


@pytest.mark.parametrize("module", MODULES)
def test_a_dependency_is_named_at_the_one_door_through_which_it_enters(module):
    known = {*sys.stdlib_module_names, "function"}

    assert top_levels(MODULES[module]) - known == THIRD_PARTIES.get(module, set())


@pytest.mark.parametrize("path", LOCAL, ids=where)
def test_the_embedded_api_imports_nothing_but_itself(path):
    foreign = {
        name
        for name in imports(path)
        if name.partition(".")[0] not in sys.stdlib_module_names
        and name != "function.local"
        and not name.startswith("function.local.")
    }

    assert foreign == set()


@pytest.mark.parametrize("module", MODULES)
def test_the_function_never_imports_the_embedded_api_or_the_tools(module):
    names = {name for name in imports(MODULES[module]) if name.count(".")}

    assert {name.split(".")[1] for name in names}.isdisjoint({"local", "tools"})


def tool(path: Path) -> str:
    """Return a module's name within the tools."""
    return ".".join(path.relative_to(HOUSE / "tools").with_suffix("").parts)


def of_the_tools(path: Path) -> set[str]:
    prefix = "function.tools."
    return {name.removeprefix(prefix) for name in imports(path) if name.startswith(prefix)}


@pytest.mark.parametrize("path", TOOLS, ids=where)
def test_the_tools_know_yaml_and_at_the_terminal_click(path):
    known = {*sys.stdlib_module_names, "function", "yaml"}
    found = top_levels(path) - known

    assert found <= ({"click"} if tool(path) in ON_THE_TERMINAL else set())


@pytest.mark.parametrize("path", TOOLS, ids=where)
def test_only_some_of_the_tools_ask_a_cluster(path):
    if tool(path) not in IN_A_CLUSTER:
        asks = {"function.cluster", "function.transport", "function.settle", "function.errand"}
        assert imports(path).isdisjoint(asks)


def test_the_imports_of_the_tools_point_one_way():
    left = {tool(path): of_the_tools(path) for path in TOOLS}
    while done := {name for name, needs in left.items() if not needs & left.keys()}:
        left = {name: needs for name, needs in left.items() if name not in done}

    assert left == {}


@pytest.mark.parametrize("path", PATHS, ids=where)
def test_imports_are_absolute(path):
    """functions-framework loads its door by path: a relative import makes twin classes."""
    levels = {
        node.level
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
    }

    assert levels <= {0}


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_imported_by_a_name_that_is_worked_out(module):
    assert top_levels(MODULES[module]).isdisjoint({"importlib", "pkgutil", "runpy"})


@pytest.mark.parametrize("module", sorted(MODULES.keys() - SHELL - {"function.log"}))
def test_the_core_never_logs(module):
    names = imports(MODULES[module])

    assert names.isdisjoint({"function.log", "logging", "warnings"})


@pytest.mark.parametrize("module", sorted(MODULES.keys() - SHELL))
def test_the_core_never_reads_the_environment(module):
    assert "os" not in imports(MODULES[module])


@pytest.mark.parametrize("module", sorted(MODULES))
def test_nothing_is_printed(module):
    calls = [
        node.func.id
        for node in ast.walk(ast.parse(MODULES[module].read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]

    assert {"print", "eval", "exec", "input", "__import__"}.isdisjoint(calls)


def public_names(path: Path) -> list[ast.AST]:
    """Return the module, and each public function, class and method of it."""
    tree = ast.parse(path.read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found: list[ast.AST] = [tree]
    parents: list[ast.AST] = [tree]
    while parents:
        for node in parents.pop().body:  # type: ignore[attr-defined]
            if isinstance(node, kinds) and not node.name.startswith("_"):
                found.append(node)
                if isinstance(node, ast.ClassDef):
                    parents.append(node)
    return found


@pytest.mark.parametrize("path", PATHS, ids=where)
def test_public_names_have_docstrings(path):
    undocumented = [
        getattr(node, "name", where(path))
        for node in public_names(path)
        if not ast.get_docstring(node)
    ]

    assert undocumented == []


@pytest.mark.parametrize("path", PATHS, ids=where)
def test_a_module_is_short_enough_to_be_read_at_once(path):
    assert len(path.read_text().splitlines()) <= LONGEST
