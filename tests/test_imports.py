"""What a cold start imports: each package by name, with the reason why it is there."""

import json
import subprocess
import sys
from functools import cache

import pytest

# What the function needs.
NEEDED = {
    "function": "the program",
    "cloudevents": "judges CloudEvents",
    "yaml": "reads manifests, and kubeconfigs",
    "kubernetes": "its low-level half speaks to the API server",
    "urllib3": "carries what it says",
}
# What they drag in; on Python 3.15 lazy imports leave most of it out.
DRAGGED_IN = {
    "certifi": "kubernetes and requests: certificate authorities",
    "dateutil": "kubernetes: times",
    "durationpy": "kubernetes: durations",
    "oauthlib": "kubernetes: kubeconfigs with OpenID Connect",
    "requests_oauthlib": "kubernetes: the same",
    "requests": "requests_oauthlib",
    "idna": "requests",
    "charset_normalizer": "requests",
    "websocket": "kubernetes: exec and attach",
    "pydantic": "kubernetes: its typed half, of which no model is loaded",
    "pydantic_core": "pydantic",
    "annotated_types": "pydantic",
    "typing_inspection": "pydantic",
    "typing_extensions": "kubernetes and pydantic",
    "deprecation": "cloudevents: its old names",
    "packaging": "deprecation",
}
# What may be there or not, depending on what else is installed.
MAY_COME = {
    "blinker": "oauthlib uses it where flask brought it",
    "cython_runtime": "compiled code of PyYAML and charset_normalizer",
    "_missing_stdlib_info": "Python 3.15: what to say of modules that it was built without",
    "google": "a namespace that others leave in the environment",
    "six": "older versions of dateutil",
    "sitecustomize": "Debian starts every interpreter with it",
    "usercustomize": "what a person adds to every interpreter",
    "_distutils_hack": "setuptools, at the start of any interpreter",
}
# The interpreter's own, under names that no list of the standard library has.
INTERPRETER = ("__main__", "__mp_main__", "_cython_", "_sysconfigdata_")

QUESTION = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps(sorted(sys.modules)))
"""


@cache
def modules_after(module: str) -> frozenset[str]:
    """Return what a fresh interpreter holds once it has imported a module."""
    command = [sys.executable, "-c", QUESTION, module]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return frozenset(json.loads(answer))


def packages_after(module: str) -> set[str]:
    names = {name.partition(".")[0] for name in modules_after(module)}
    return {
        name
        for name in names - sys.stdlib_module_names - MAY_COME.keys()
        if not name.startswith(INTERPRETER)
    }


@pytest.mark.parametrize("module", ["function.start", "function.webhook"])
def test_a_cold_start_imports_what_it_has_a_reason_for(module):
    assert packages_after(module) == NEEDED.keys() | DRAGGED_IN.keys()


@pytest.mark.parametrize(
    "heavy", ["asyncio", "sqlite3", "unittest", "tkinter", "xmlrpc", "kubernetes.client.api"]
)
def test_a_cold_start_does_without(heavy):
    assert heavy not in modules_after("function.start")


def test_no_typed_model_of_the_client_is_loaded():
    models = {
        name
        for name in modules_after("function.start")
        if name.startswith("kubernetes.client.models.")
    }

    assert models == set()


def test_the_package_alone_imports_nothing():
    """The tools import it too."""
    assert packages_after("function") == {"function"}
