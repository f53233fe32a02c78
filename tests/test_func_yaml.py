"""func.yaml is what kn func reads, and deploys the same function as knative/service.yaml."""

import json
from typing import Any

import pytest
import yaml
from function_process import ROOT
from jsonschema import Draft4Validator

from function import webhook
from function.settings import Settings

SCHEMA = ROOT.parent / "shared" / "schemas" / "func_yaml-schema.json"

FUNC: dict[str, Any] = yaml.safe_load((ROOT / "func.yaml").read_text())
DEPLOY, OPTIONS = FUNC["deploy"], FUNC["deploy"]["options"]

SERVICE: dict[str, Any] = yaml.safe_load((ROOT / "knative" / "service.yaml").read_text())
TEMPLATE = SERVICE["spec"]["template"]
POD = TEMPLATE["spec"]
CONTAINER = POD["containers"][0]
OF_THE_IMAGE = {("PYTHON_LAZY_IMPORTS", "all"), ("MALLOC_ARENA_MAX", "1")}


def test_it_is_taken_by_the_schema_of_func() -> None:
    """func itself reads over a field that it does not know."""
    if not SCHEMA.exists():
        pytest.skip("needs the JSON schema of func.yaml, which is not part of the project")
    # As JSON: the schema knows times as text, and YAML as times.
    func = json.loads(json.dumps(FUNC, default=lambda time: time.isoformat()))
    validator = Draft4Validator(json.loads(SCHEMA.read_text()))
    slip = {**func, "deploy": {**func["deploy"], "serviceAccount": "a"}}

    assert [error.message for error in validator.iter_errors(func)] == []
    assert [list(error.path) for error in validator.iter_errors(slip)] == [["deploy"]]


def test_it_has_the_name_the_account_and_the_reach_of_the_service() -> None:
    labels = {each["key"]: each["value"] for each in DEPLOY["labels"]}

    assert FUNC["name"] == SERVICE["metadata"]["name"]
    assert DEPLOY["serviceAccountName"] == POD["serviceAccountName"]
    assert labels == SERVICE["metadata"]["labels"]


def test_it_scales_as_the_service_does() -> None:
    scale = {f"autoscaling.knative.dev/{key}-scale": str(n) for key, n in OPTIONS["scale"].items()}

    assert scale.items() <= TEMPLATE["metadata"]["annotations"].items()
    assert OPTIONS["resources"]["limits"]["concurrency"] == POD["containerConcurrency"]


def test_it_asks_for_what_the_service_asks_for() -> None:
    for kind, asked in CONTAINER["resources"].items():
        told = OPTIONS["resources"][kind]
        assert (millis(told["cpu"]), told["memory"]) == (millis(asked["cpu"]), asked["memory"])


def millis(cpu: str) -> int:
    return int(cpu.removesuffix("m")) * (1 if cpu.endswith("m") else 1000)


def test_it_is_probed_where_the_function_answers() -> None:
    assert set(DEPLOY["healthEndpoints"].values()) == set(webhook.HEALTH)
    readiness = CONTAINER["readinessProbe"]["httpGet"]["path"]
    assert DEPLOY["healthEndpoints"]["readiness"] == readiness


def test_its_settings_are_taken_by_the_function() -> None:
    told = {each["name"]: each["value"] for each in FUNC["run"]["envs"]}
    of_the_service = {each["name"]: each["value"] for each in CONTAINER["env"]}

    assert told.items() - OF_THE_IMAGE <= of_the_service.items()
    assert Settings.from_environ(told).jobs_namespace == "openfero-jobs"


def test_it_starts_python_as_the_image_does() -> None:
    told = {each["name"]: each["value"] for each in FUNC["run"]["envs"]}

    assert told.items() >= OF_THE_IMAGE
    for name, value in OF_THE_IMAGE:
        assert f"ENV {name}={value}\n" in (ROOT / "Containerfile").read_text()


def test_func_makes_no_cloudevents_of_plain_webhooks() -> None:
    assert FUNC["invoke"] == "http"
