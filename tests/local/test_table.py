"""The table of fields is what its source has: the schemas in the package kubernetes-validate.

The package is not in our environments, because the Kubernetes client imports it wherever
it finds it, and the function would pay for that at each cold start.
"""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from function.local.findings import Kind
from function.local.make_fields import TABLE, build_table, read_definitions
from function.local.rules import check_job

pytestmark = pytest.mark.setup

JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "a"},
    "spec": {
        "template": {
            "spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "b:1"}]}
        }
    },
}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", f"--target={folder}"]
    subprocess.run([*pip, "kubernetes-validate==1.37.0"], check=True, timeout=120)
    return folder


@pytest.fixture
def validate(packages: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(packages))
    return importlib.import_module("kubernetes_validate")


def test_the_table_is_what_its_generator_makes_of_the_definitions(validate: ModuleType) -> None:
    assert json.loads(TABLE.read_text("utf-8")) == build_table(read_definitions("1.37.0"))


@pytest.mark.parametrize("field", ["labels", "bogus"])
def test_an_independent_schema_knows_the_same_fields(validate: ModuleType, field: str) -> None:
    job = json.loads(json.dumps(JOB))
    validate.validate(job, "1.37.0", strict=True)
    job["spec"]["template"][field] = {}

    with pytest.raises(validate.ValidationError):
        validate.validate(job, "1.37.0", strict=True)

    found = [str(finding) for finding in check_job(job) if finding.kind is Kind.UNKNOWN]
    assert found == [f'unknown field "spec.template.{field}"']
