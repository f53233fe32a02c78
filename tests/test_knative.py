"""What is applied to a cluster is taken by a real API server, and means what it says."""

import json
import os
import re
import shlex
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import crds
import pytest
import yaml
from alertmanagers import SHIPPED
from conftest import NAMESPACE, Define
from function_process import READINESS, ROOT
from kube import Kube
from kubectl import (
    BASE,
    FUNCTION,
    Kubectl,
    Ran,
    apply_base,
    container_of_the_service,
    documents,
    pod_of_the_service,
)
from make import STARTS_AT, a_container, a_manifest, a_notification, an_alert
from overlays import as_told, write_overlay
from waiting import until

from function.cluster import connect
from function.definitions import definition_name, read_definition
from function.jobs import build_job
from function.outcomes import Kind, Outcome
from function.settings import Settings
from function.settle import Settler
from function.webhook import SECONDS

CONFINE = BASE / "components" / "confine"
FILES = {
    "openferotest": BASE / "definitions" / "openferotest" / "definition.yaml",
    "that of make run": ROOT / "test" / "definition.yaml",
}
SAMPLES = {name: yaml.safe_load(path.read_text()) for name, path in FILES.items()}

STRANGER = "system:serviceaccount:openfero:default"

# The field names of a Kubernetes that may be newer than the one that is compiled here.
FIELDS = json.loads((ROOT / "function" / "local" / "fields.json").read_text())

POD_SECURITY = ("enforce", "warn")

Judge = Callable[..., str]


@pytest.fixture(scope="module")
def kubectl(needs_control_plane: None, kubeconfig: Path, folder: Path) -> Kubectl:
    return Kubectl(kubeconfig, folder)


@pytest.fixture(scope="module")
def base(kubectl: Kubectl) -> Iterator[list[dict[str, Any]]]:
    """Apply all of the base but the Knative Service; afterwards the namespace is as it was."""
    built = apply_base(kubectl)
    for namespace in ("openfero", NAMESPACE):
        # Until then every pod is refused for want of it, whatever else is wrong.
        kubectl("wait", "--for=create", "sa/default", "-n", namespace, "--timeout=30s")
    yield built
    roles = [each for each in built if each["kind"] in ("Role", "RoleBinding")]
    kubectl("delete", "--ignore-not-found", "-f", "-", stdin=yaml.safe_dump_all(roles))
    kubectl("delete", "namespace", "openfero", "--wait=false")
    labels = [f"pod-security.kubernetes.io/{mode}-" for mode in POD_SECURITY]
    kubectl("label", "namespace", NAMESPACE, *labels)


@pytest.fixture(scope="module")
def overlay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kustomization that adds the component, and patches it as its comment says."""
    return write_overlay(tmp_path_factory.mktemp("overlay"), as_told("confine"))


@pytest.fixture(scope="module")
def confined(kubectl: Kubectl, base: object, overlay: Path) -> Iterator[None]:
    """The policies as they are shipped, once they are in force."""
    component = yaml.safe_load((CONFINE / "kustomization.yaml").read_text())["resources"]
    files = [f"--filename={CONFINE / name}" for name in component]
    kubectl("apply", "--validate=strict", *files)
    patched = f"in-force-{uuid.uuid4().hex[:8]}"
    kubectl("create", "-f", "-", stdin=a_job(patched))
    until(lambda: _are_in_force(kubectl, patched), "the policies are in force")
    yield
    kubectl("delete", "job", "-n", NAMESPACE, patched)
    kubectl("delete", "--ignore-not-found", *files)


def _are_in_force(kubectl: Kubectl, name: str) -> bool:
    create = ("create", "--dry-run=server", f"--as={FUNCTION}", "-f", "-")
    bad = kubectl(*create, stdin=a_job(labels={}), check=False)
    good = kubectl(*create, stdin=a_job(), check=False)
    patch = ("patch", "job", name, "-n", NAMESPACE, "--dry-run=server", f"--as={FUNCTION}")
    relabelled = kubectl(*patch, "-p", '{"metadata":{"labels":{"a":"b"}}}', check=False)
    return bool(bad.returncode and relabelled.returncode and not good.returncode)


def a_job(
    name: str = "repair",
    /,
    *,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    pod: dict[str, Any] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """Return a Job that is admitted as it stands; a field of None is left out."""
    bounds = {"activeDeadlineSeconds": 600, "ttlSecondsAfterFinished": 86400}
    fields = {key: value for key, value in {**bounds, **spec}.items() if value is not None}
    job = a_manifest(pod, **fields)
    job["metadata"] = {
        "name": name,
        "namespace": NAMESPACE,
        "labels": {"app.kubernetes.io/managed-by": "openfero"} if labels is None else labels,
        "annotations": annotations or {},
    }
    return job


def a_secret_variable(secret: str) -> dict[str, Any]:
    return {"name": "A", "valueFrom": {"secretKeyRef": {"name": secret, "key": "a"}}}


def containers(**fields: Any) -> dict[str, Any]:
    return {"containers": [a_container(**fields)]}


def a_volume(**source: Any) -> dict[str, Any]:
    return {"volumes": [{"name": "v", **source}]}


# The base.


def test_the_base_builds_and_holds_neither_definitions_nor_secrets(base: Any) -> None:
    kinds = {each["kind"] for each in base}

    assert kinds == {"Namespace", "ServiceAccount", "Role", "RoleBinding", "Service"}


def test_an_overlay_with_the_patch_of_the_comment_builds(kubectl: Kubectl, overlay: Path) -> None:
    built = documents(kubectl("kustomize", overlay).stdout)

    [limits] = [each for each in built if each["metadata"]["name"] == "openfero-limits"]
    assert limits["data"]["longest-deadline-seconds"] == "7200"
    assert limits["data"]["secret-prefix"] == "openfero-"
    assert {"ValidatingAdmissionPolicy", "Service"} <= {each["kind"] for each in built}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_definition_is_taken_and_is_found_where_the_function_looks(
    kubectl: Kubectl, base: object, name: str
) -> None:
    kubectl("apply", "--validate=strict", "--dry-run=server", "-f", FILES[name])

    metadata = SAMPLES[name]["metadata"]
    assert metadata["namespace"] == NAMESPACE
    assert metadata["name"] == definition_name(an_alert(alert_of(SAMPLES[name])))


def alert_of(config_map: dict[str, Any]) -> str:
    """The alert that a definition is for: its one key."""
    [alertname] = config_map["data"]
    return str(alertname)


def test_the_job_of_the_test_alert_reports_it_and_needs_no_label_but_its_name(
    tmp_path: Path,
) -> None:
    """Its script, with the shell of this machine."""
    job = a_job_of(SAMPLES["openferotest"])
    template = job["spec"]["template"]
    [container] = template["spec"]["containers"]
    file = tmp_path / "alert.json"
    file.write_text(template["metadata"]["annotations"]["openfero.io/alert"])
    told = {each["name"]: each["value"] for each in container["env"]}

    ran = subprocess.run(
        container["command"] + container["args"],
        env={"PATH": os.environ["PATH"], **told, "OPENFERO_ALERT_FILE": str(file)},
        capture_output=True,
        text=True,
    )

    first, _, rest = ran.stdout.partition("\n")
    assert first == f"OpenferoTest is firing since {STARTS_AT}"
    assert json.loads(rest)["labels"] == {"alertname": "OpenferoTest"}
    assert ran.stderr == ""


def test_the_service_is_taken_by_the_schema_of_knative(kubectl: Kubectl, base: object) -> None:
    service = BASE / "service.yaml"
    with crds.applied(kubectl, crds.SERVICE):
        ran = kubectl("apply", "--validate=strict", "-f", service)
        misspelt = service.read_text().replace("containerConcurrency", "containerConcurency")
        refused = kubectl("apply", "--validate=strict", "-f", "-", stdin=misspelt, check=False)

    assert ran.stdout == "service.serving.knative.dev/openfero created\n"
    assert 'unknown field "spec.template.spec.containerConcurency"' in refused.stderr


def test_the_service_asks_for_no_public_address(base: Any) -> None:
    [service] = [each for each in base if each["kind"] == "Service"]

    assert service["metadata"]["labels"]["networking.knative.dev/visibility"] == "cluster-local"


def test_the_pod_of_the_service_is_restricted(kubectl: Kubectl, base: Any) -> None:
    """As a bare pod: what Knative adds to it stays out of sight."""
    [service] = [each for each in base if each["kind"] == "Service"]
    spec = service["spec"]["template"]["spec"]
    container = {k: v for k, v in spec["containers"][0].items() if k != "readinessProbe"}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "openfero", "namespace": "openfero"},
        "spec": {"containers": [container], "volumes": spec["volumes"]},
    }
    create = ("create", "--dry-run=server", "--validate=strict", "-f", "-")

    kubectl(*create, stdin=pod)
    del container["securityContext"]
    refused = kubectl(*create, stdin=pod, check=False)

    assert 'violates PodSecurity "restricted:latest"' in refused.stderr


def test_the_settings_of_the_service_are_taken_by_the_function() -> None:
    container = container_of_the_service()

    settings = Settings.from_environ({each["name"]: each["value"] for each in container["env"]})

    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert settings.jobs_namespace == NAMESPACE
    assert settings.token_file == f"{mounts['token']}/token"


def test_a_pod_of_the_function_waits_for_its_token() -> None:
    volumes = pod_of_the_service()["volumes"]

    [secret] = [each["secret"] for each in volumes if "secret" in each]

    assert secret == {"secretName": "openfero-token"}


def test_knative_waits_for_an_answer_and_a_pod_that_stops_and_alertmanager_waits_longer() -> None:
    """A pod that stops is sent requests for 30 seconds more, and the last has its whole time."""
    alertmanager = yaml.safe_load((SHIPPED / "alertmanager.yml").read_text())
    [ours] = [each for each in alertmanager["route"]["routes"] if each["receiver"] == "openfero"]
    minutes = int(ours["group_interval"].removesuffix("m"))

    assert 30 + SECONDS < pod_of_the_service()["timeoutSeconds"] < minutes * 60


def test_a_pod_is_asked_whether_it_is_ready_as_often_as_knative_can() -> None:
    assert container_of_the_service()["readinessProbe"] == {"httpGet": {"path": READINESS}}


def test_the_function_is_told_nothing_about_its_neighbours() -> None:
    assert pod_of_the_service()["enableServiceLinks"] is False


def test_the_function_can_write_to_tmp_and_nowhere_else() -> None:
    container = container_of_the_service()

    writable = [each for each in container["volumeMounts"] if not each.get("readOnly")]

    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert writable == [{"name": "tmp", "mountPath": "/tmp"}]


def test_a_pod_of_a_job_that_could_reach_its_node_is_refused(
    kubectl: Kubectl, base: object
) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "repair", "namespace": NAMESPACE},
        "spec": {**containers(), "hostPID": True},
    }

    refused = kubectl("create", "--dry-run=server", "-f", "-", stdin=pod, check=False)

    assert 'violates PodSecurity "baseline:latest": host namespaces' in refused.stderr


def test_a_job_that_is_not_restricted_is_warned_of(kubectl: Kubectl, base: object) -> None:
    ran = kubectl("create", "--dry-run=server", "-f", "-", stdin=a_job())

    assert 'would violate PodSecurity "restricted:latest"' in ran.stderr


# Who may do what.


Right = tuple[str, str, str, str]


def rights(kubectl: Kubectl, account: str, namespace: str = NAMESPACE) -> set[Right]:
    """Return each (resource, URLs, names, verb) of the table."""
    listed = kubectl("auth", "can-i", "--list", f"--as={account}", "-n", namespace).stdout
    rows = re.findall(r"^(\S*) +\[(.*?)\] +\[(.*?)\] +\[(.*?)\]$", listed, re.MULTILINE)
    assert len(rows) == len(listed.splitlines()) - 1, listed
    return {
        (what, urls, names, verb) for what, urls, names, verbs in rows for verb in verbs.split()
    }


GRANTED = {
    FUNCTION: {
        ("configmaps", "get"),
        ("events", "create"),
        ("jobs.batch", "create"),
        ("jobs.batch", "get"),
        ("jobs.batch", "list"),
        ("jobs.batch", "patch"),
    },
    "an-approver": {
        ("jobs.batch", "get"),
        ("jobs.batch", "list"),
        ("jobs.batch", "patch"),
    },
}


@pytest.fixture
def approver(kubectl: Kubectl, base: object) -> Iterator[None]:
    binding = ("rolebinding", "approvers", "-n", NAMESPACE)
    kubectl("create", *binding, "--role=openfero-approver", "--user=an-approver")
    yield
    kubectl("delete", *binding)


@pytest.mark.usefixtures("approver")
@pytest.mark.parametrize("account", GRANTED)
def test_an_account_may_do_what_its_role_says_and_no_more(kubectl: Kubectl, account: str) -> None:
    # What everybody may, an account of the same kind without a binding may as well.
    everybody = STRANGER if account == FUNCTION else "a-stranger"

    granted = rights(kubectl, account) - rights(kubectl, everybody)

    assert granted == {(resource, "", "", verb) for resource, verb in GRANTED[account]}


@pytest.mark.parametrize("namespace", ["openfero", "default", "kube-system"])
def test_the_function_may_do_nothing_elsewhere(
    kubectl: Kubectl, base: object, namespace: str
) -> None:
    assert rights(kubectl, FUNCTION, namespace) == rights(kubectl, STRANGER, namespace)


def test_what_a_guard_rail_needs_is_a_role_of_its_own(base: Any) -> None:
    rules = {each["metadata"]["name"]: each["rules"] for each in base if each["kind"] == "Role"}

    assert [rule["verbs"] for rule in rules["openfero-function-history"]] == [["list"]]
    assert [rule["verbs"] for rule in rules["openfero-function-endings"]] == [["patch"]]
    assert [rule["verbs"] for rule in rules["openfero-function"]] == [
        ["get"],
        ["create", "get"],
        ["create"],
    ]


# Which Jobs the function may create.


@pytest.fixture
def judge_create(kubectl: Kubectl, confined: object) -> Judge:
    """Return why the API server refuses a Job of the function's, or nothing."""

    def judge(job: dict[str, Any]) -> str:
        create = ("create", "--dry-run=server", f"--as={FUNCTION}", "-f", "-")
        return refusal(kubectl(*create, stdin=job, check=False), "openfero-creates")

    return judge


def refusal(ran: Ran, policy: str) -> str:
    if ran.returncode == 0:
        return ""
    assert f"ValidatingAdmissionPolicy '{policy}'" in ran.stderr, ran
    return ran.stderr.rpartition("denied request: ")[2].strip()


def a_job_of(config_map: dict[str, Any]) -> dict[str, Any]:
    alert = an_alert(alert_of(config_map))
    definition = read_definition(config_map, alert)
    return build_job(definition, alert, a_notification(alert), NAMESPACE)[0]


def readme_definition() -> dict[str, Any]:
    text = (ROOT / "README.md").read_text()
    return yaml.safe_load(text.partition("```yaml\n")[2].partition("```")[0])


GOOD_JOBS = {
    "the least": a_job(),
    **{name: a_job_of(sample) for name, sample in SAMPLES.items()},
    "that of the README": a_job_of(readme_definition()),
    "its own account": a_job(
        pod={"serviceAccountName": "openfero-job", "automountServiceAccountToken": True}
    ),
    "the default account, named": a_job(pod={"serviceAccountName": "default"}),
    "suspended": a_job(suspend=True),
    "at every limit": a_job(
        activeDeadlineSeconds=3600,
        ttlSecondsAfterFinished=604800,
        backoffLimit=6,
        parallelism=5,
    ),
    "secrets with the prefix": a_job(
        pod={
            **containers(
                env=[{"name": "B", "value": "b"}, a_secret_variable("openfero-a")],
                envFrom=[{"secretRef": {"name": "openfero-a"}}, {"configMapRef": {"name": "c"}}],
            ),
            **a_volume(secret={"secretName": "openfero-a"}),
            "imagePullSecrets": [{"name": "openfero-registry"}],
        }
    ),
    "every volume": a_job(
        pod={
            "volumes": [
                {"name": "a", "configMap": {"name": "a"}},
                {"name": "b", "emptyDir": {}},
                {"name": "c", "downwardAPI": {"items": []}},
                {"name": "d"},
            ]
        }
    ),
}

LIMITS = "(ConfigMap openfero-limits)"
ACCOUNT = f"is not one of service-accounts {LIMITS}"
TOKEN = "openfero: the token of an account that is not one of service-accounts must not be mounted"
VOLUME = "openfero: a volume must be a configMap, emptyDir, downwardAPI or secret"
VOLUME_SECRET = f"openfero: the name of a secret in a volume must begin with secret-prefix {LIMITS}"
VARIABLE = f"openfero: the name of a secret in a variable must begin with secret-prefix {LIMITS}"
REGISTRY = f"openfero: the name of a secret for a registry must begin with secret-prefix {LIMITS}"
NODE = "openfero: a job must not share the network, processes or memory of its node"
LABEL = "openfero: the label app.kubernetes.io/managed-by must be openfero"
DEADLINE = f"openfero: activeDeadlineSeconds must be set, to at most 3600 {LIMITS}"
TTL = f"openfero: ttlSecondsAfterFinished must be set, to at most 604800 {LIMITS}"

PROJECTED_TOKEN = {"sources": [{"serviceAccountToken": {"path": "token"}}]}
AN_INIT_CONTAINER = a_container(name="first", env=[a_secret_variable("other")])
FROM_A_SECRET = [{"secretRef": {"name": "other"}}]

BAD_JOBS: dict[str, tuple[dict[str, Any], str]] = {
    "no labels": (a_job(labels={}), LABEL),
    "another's label": (a_job(labels={"app.kubernetes.io/managed-by": "helm"}), LABEL),
    "another account": (
        a_job(pod={"serviceAccountName": "admin"}),
        f"openfero: the account admin {ACCOUNT}",
    ),
    "another account, by its old name": (
        a_job(pod={"serviceAccount": "admin"}),
        f"openfero: the account admin {ACCOUNT}",
    ),
    "part of an account's name": (
        a_job(pod={"serviceAccountName": "openfero"}),
        f"openfero: the account openfero {ACCOUNT}",
    ),
    "the default account's token": (a_job(pod={"automountServiceAccountToken": True}), TOKEN),
    "the node's files": (a_job(pod=a_volume(hostPath={"path": "/"})), VOLUME),
    "a projected token": (a_job(pod=a_volume(projected=PROJECTED_TOKEN)), VOLUME),
    "another's secret as a volume": (
        a_job(pod=a_volume(secret={"secretName": "other"})),
        VOLUME_SECRET,
    ),
    "another's secret as a variable": (
        a_job(pod=containers(env=[a_secret_variable("other")])),
        VARIABLE,
    ),
    "another's secret as variables": (a_job(pod=containers(envFrom=FROM_A_SECRET)), VARIABLE),
    "another's secret in an init container": (
        a_job(pod={"initContainers": [AN_INIT_CONTAINER]}),
        VARIABLE,
    ),
    "another's registry": (a_job(pod={"imagePullSecrets": [{"name": "other"}]}), REGISTRY),
    "the node's network": (a_job(pod={"hostNetwork": True}), NODE),
    "the node's processes": (a_job(pod={"hostPID": True}), NODE),
    "the node's memory": (a_job(pod={"hostIPC": True}), NODE),
    "a node": (
        a_job(pod={"nodeName": "control-plane"}),
        "openfero: a job must not choose its node past the scheduler",
    ),
    "the priority of the cluster's own": (
        a_job(pod={"priorityClassName": "system-node-critical"}),
        "openfero: a job must not push away what the cluster itself needs",
    ),
    "no deadline": (a_job(activeDeadlineSeconds=None), DEADLINE),
    "a deadline that is too long": (a_job(activeDeadlineSeconds=3601), DEADLINE),
    "no TTL": (a_job(ttlSecondsAfterFinished=None), TTL),
    "a TTL that is too long": (a_job(ttlSecondsAfterFinished=604801), TTL),
    "too many tries": (a_job(backoffLimit=7), f"openfero: backoffLimit must be at most 6 {LIMITS}"),
    "too many pods": (a_job(parallelism=6), f"openfero: parallelism must be at most 5 {LIMITS}"),
}


@pytest.mark.parametrize("job", GOOD_JOBS.values(), ids=GOOD_JOBS)
def test_the_function_may_create_a_job(judge_create: Judge, job: dict[str, Any]) -> None:
    assert judge_create(job) == ""


@pytest.mark.parametrize(("job", "rule"), BAD_JOBS.values(), ids=BAD_JOBS)
def test_the_function_may_not_create_a_job(
    judge_create: Judge, job: dict[str, Any], rule: str
) -> None:
    assert judge_create(job) == rule


def test_anybody_else_may_create_any_job(kubectl: Kubectl, confined: object) -> None:
    job = a_job(labels={}, activeDeadlineSeconds=None)

    kubectl("create", "--dry-run=server", "-f", "-", stdin=job)


@pytest.mark.parametrize("policy", ["creates", "patches"])
def test_every_rule_of_a_policy_has_a_refusal_here(policy: str) -> None:
    refusals = {rule for _, rule in (*BAD_JOBS.values(), *PATCHES.values())}
    spec = documents((CONFINE / f"{policy}.yaml").read_text())[0]["spec"]

    for rule in spec["validations"]:
        # An expression begins with a text in quotes, and goes on with a value.
        told = rule.get("messageExpression", f"'{rule['message']}'").split("'")[1]
        assert [each for each in refusals if each.startswith(told)], told


@pytest.mark.parametrize("name", ["creates", "patches"])
def test_what_a_policy_cannot_judge_it_refuses_and_what_it_refuses_is_in_the_audit_log(
    name: str,
) -> None:
    policy, binding = documents((CONFINE / f"{name}.yaml").read_text())

    assert policy["spec"]["failurePolicy"] == "Fail"
    assert binding["spec"]["validationActions"] == ["Deny", "Audit"]


def test_limits_are_changed_without_touching_a_policy(
    kubectl: Kubectl, judge_create: Judge, overlay: Path
) -> None:
    limits = CONFINE / "limits.yaml"
    built = documents(kubectl("kustomize", overlay).stdout)
    [patched] = [each for each in built if each["metadata"]["name"] == "openfero-limits"]
    changed = [
        a_job(activeDeadlineSeconds=7200),
        a_job(pod={"serviceAccountName": "quota-repair"}),
        a_job(pod={"serviceAccountName": "openfero-job"}),
    ]
    try:
        kubectl("apply", "-f", "-", stdin=patched)
        until(lambda: [judge_create(job) for job in changed] == [""] * 3, "the limits are in force")
        kubectl("delete", "-f", limits)
        until(
            lambda: "failed to configure binding" in _denied(kubectl, a_job()),
            "the missing limits deny",
        )
        elsewhere = {**a_manifest(), "metadata": {"name": "another", "namespace": "default"}}
        kubectl("create", "--dry-run=server", "-f", "-", stdin=elsewhere)
        kubectl("apply", "-f", "-", stdin={**patched, "data": {}})
        until(lambda: "no such key" in _denied(kubectl, a_job()), "the empty limits deny")
    finally:
        kubectl("apply", "-f", limits)
        until(lambda: not _denied(kubectl, a_job()), "the limits are back")


def _denied(kubectl: Kubectl, job: dict[str, Any]) -> str:
    create = ("create", "--dry-run=server", f"--as={FUNCTION}", "-f", "-")
    ran = kubectl(*create, stdin=job, check=False)
    return ran.stderr if ran.returncode else ""


# What the function may patch.

OURS = {"app.kubernetes.io/managed-by": "openfero"}
WAITING = {**OURS, "openfero.io/approval": "required"}

JOBS_TO_PATCH = {
    "running": a_job("patched-running", labels=OURS, annotations={"author/note": "a"}),
    "waiting": a_job("patched-waiting", labels=WAITING, suspend=True),
    "queued": a_job("patched-queued", labels=OURS, suspend=True),
    "foreign": a_job("patched-foreign", labels={"app": "x"}),
}

END = {"spec": {"activeDeadlineSeconds": 0}}
DECLINE = {"spec": {"activeDeadlineSeconds": 0, "suspend": False}}
START = {"spec": {"suspend": False}}
RESOLVED_AT = {"metadata": {"annotations": {"openfero.io/resolved-at": "2026-11-23T14:00:00Z"}}}

FOREIGN = "openfero: only a job that openfero made may be patched"
TEMPLATE = "openfero: the pod template must not change"
SPEC = "openfero: of the spec only activeDeadlineSeconds and suspend may change"
ONLY_ZERO = "openfero: activeDeadlineSeconds may only become 0"
PERSON = "openfero: a suspended job is started by a person"
APPROVAL = "openfero: only a job that waits for approval may be declined"
SUSPEND = "openfero: a running job must not be suspended"
METADATA = "openfero: labels, finalizers and owners must not change"
ANNOTATION = "openfero: of the annotations only openfero.io/resolved-at may be set"

AN_OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "1-2-3"}

PATCHES: dict[str, tuple[tuple[str, dict[str, Any]], str]] = {
    "cancel a running one": (("running", END), ""),
    "decline a waiting one": (("waiting", DECLINE), ""),
    "let a queued one end as soon as it is started": (("queued", END), ""),
    "say that its alert has resolved": (("running", RESOLVED_AT), ""),
    "both at once": (("running", {**END, **RESOLVED_AT}), ""),
    "nothing": (("running", {}), ""),
    "start a waiting one": (("waiting", START), PERSON),
    "start a waiting one by leaving suspend out": (
        ("waiting", {"spec": {"suspend": None}}),
        PERSON,
    ),
    "start a queued one": (("queued", START), PERSON),
    "start a waiting one for a second": (
        ("waiting", {"spec": {"activeDeadlineSeconds": 1, "suspend": False}}),
        ONLY_ZERO,
    ),
    "decline a queued one": (("queued", DECLINE), APPROVAL),
    "suspend a running one": (("running", {"spec": {"suspend": True}}), SUSPEND),
    "give it more time": (("running", {"spec": {"activeDeadlineSeconds": 9999}}), ONLY_ZERO),
    "take the deadline away": (("running", {"spec": {"activeDeadlineSeconds": None}}), ONLY_ZERO),
    "more pods": (("running", {"spec": {"parallelism": 2}}), SPEC),
    "more tries": (("running", {"spec": {"backoffLimit": 9}}), SPEC),
    "a shorter record": (("running", {"spec": {"ttlSecondsAfterFinished": 1}}), SPEC),
    "another node for a waiting one": (
        ("waiting", {"spec": {"template": {"spec": {"nodeSelector": {"a": "b"}}}}}),
        TEMPLATE,
    ),
    "another label": (("running", {"metadata": {"labels": {"a": "b"}}}), METADATA),
    "no approval needed": (
        ("waiting", {"metadata": {"labels": {"openfero.io/approval": None}}}),
        METADATA,
    ),
    "a finalizer": (("running", {"metadata": {"finalizers": ["a.example/b"]}}), METADATA),
    "an owner": (("running", {"metadata": {"ownerReferences": [AN_OWNER]}}), METADATA),
    "another annotation": (("running", {"metadata": {"annotations": {"a": "b"}}}), ANNOTATION),
    "another of our annotations": (
        ("running", {"metadata": {"annotations": {"openfero.io/alert": "{}"}}}),
        ANNOTATION,
    ),
    "an annotation's value": (
        ("running", {"metadata": {"annotations": {"author/note": "b"}}}),
        ANNOTATION,
    ),
    "an annotation away": (
        ("running", {"metadata": {"annotations": {"author/note": None}}}),
        ANNOTATION,
    ),
    "end another's": (("foreign", END), FOREIGN),
    "mark another's": (("foreign", RESOLVED_AT), FOREIGN),
}


@pytest.fixture(scope="module")
def jobs_to_patch(kubectl: Kubectl, confined: object) -> Iterator[None]:
    jobs = {"apiVersion": "v1", "kind": "List", "items": list(JOBS_TO_PATCH.values())}
    kubectl("create", "-f", "-", stdin=jobs)
    yield
    kubectl("delete", "--ignore-not-found", "-f", "-", stdin=jobs)


@pytest.mark.usefixtures("jobs_to_patch")
@pytest.mark.parametrize(("what", "rule"), PATCHES.values(), ids=PATCHES)
def test_a_patch_of_the_function_is_decided(
    kubectl: Kubectl, what: tuple[str, dict[str, Any]], rule: str
) -> None:
    kind, patch = what

    ran = kubectl(*patching(kind, patch), f"--as={FUNCTION}", "--dry-run=server", check=False)

    assert refusal(ran, "openfero-patches") == rule


def patching(kind: str, patch: dict[str, Any]) -> list[str]:
    name = JOBS_TO_PATCH[kind]["metadata"]["name"]
    return ["patch", "job", name, "-n", NAMESPACE, "--type=merge", "-p", json.dumps(patch)]


@pytest.mark.usefixtures("jobs_to_patch", "approver")
def test_an_approver_may_start_a_job_that_waits(kubectl: Kubectl) -> None:
    kubectl(*patching("waiting", START), "--as=an-approver", "--dry-run=server")


@pytest.mark.usefixtures("jobs_to_patch")
def test_no_field_of_a_job_is_forgotten_by_the_policy(kubectl: Kubectl) -> None:
    """A field that a newer Kubernetes adds would be the function's to change.

    Of those that are asked: this one, and the one that the local API is made from.
    """
    schema = json.loads(kubectl("get", "--raw", "/openapi/v3/apis/batch/v1").stdout)
    served = schema["components"]["schemas"]["io.k8s.api.batch.v1.JobSpec"]["properties"]
    fields = served.keys() | FIELDS["JobSpec"].keys()
    policy, _ = documents((CONFINE / "patches.yaml").read_text())

    rules = " ".join(each["expression"] for each in policy["spec"]["validations"])

    held = {f for f in fields if f"now.?{f} == variables.was.?{f}" in rules}
    assert fields - held == {"suspend", "template"}


def test_the_policies_have_nothing_that_their_types_do_not_know(
    kubectl: Kubectl, confined: object
) -> None:
    """The API server checks the types in the background, and writes what it finds in a status."""

    def policies() -> list[dict[str, Any]]:
        names = ("openfero-creates", "openfero-patches")
        found = kubectl("get", "validatingadmissionpolicy", *names, "-o", "json").stdout
        return json.loads(found)["items"]

    until(
        lambda: all("typeChecking" in each["status"] for each in policies()),
        "the policies are type-checked",
    )

    assert [each["status"]["typeChecking"] for each in policies()] == [{}, {}]


def test_a_job_that_the_function_declines_ends_without_a_pod(
    kubectl: Kubectl, kube: Kube, confined: object
) -> None:
    name = f"declined-{uuid.uuid4().hex[:8]}"
    job = a_job(name, labels=WAITING, suspend=True)
    kubectl("create", f"--as={FUNCTION}", "-f", "-", stdin=job)
    merge = ("--type=merge", "-p", json.dumps(DECLINE))
    try:
        kubectl("patch", "job", name, "-n", NAMESPACE, f"--as={FUNCTION}", *merge)
        kubectl("wait", "job", name, "-n", NAMESPACE, "--for=condition=Failed", "--timeout=30s")
        pods = kube.list("pods", f"batch.kubernetes.io/job-name={name}")
    finally:
        kubectl("delete", "job", "-n", NAMESPACE, name)

    assert pods == []


# All of it together.


@pytest.fixture
def settler(kubectl: Kubectl, confined: object, kubeconfig: Path, tmp_path: Path) -> Settler:
    """The function's own, with the token that its pod would have."""
    token = kubectl("create", "token", "openfero-function", "-n", "openfero").stdout
    content = json.loads(kubeconfig.read_text())
    content["users"][0]["user"] = {"token": token.strip()}
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(content))
    return Settler(connect(Settings(kubeconfig=str(path), jobs_namespace=NAMESPACE)))


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_the_function_settles_a_sample_confined_and_with_its_own_token(
    kubectl: Kubectl, kube: Kube, settler: Settler, sample: dict[str, Any]
) -> None:
    name = alert_of(sample)
    alerts = (an_alert(name), an_alert(name, status="resolved"))
    kubectl("apply", "-f", "-", stdin=sample)
    try:
        first = settler.settle(a_notification(*alerts), time.monotonic() + 20)
        again = settler.settle(a_notification(*alerts), time.monotonic() + 20)
    finally:
        kubectl("delete", "-f", "-", stdin=sample)
        for job in kube.jobs(sample["metadata"]["name"]):
            kube.delete("jobs", job["metadata"]["name"])

    assert [each.kind for each in first] == [Kind.CREATED, Kind.NO_DEFINITION]
    assert [each.kind for each in again] == [Kind.EXISTS, Kind.NO_DEFINITION]
    assert first[0].message == "", "nothing to warn of"


def test_a_definition_beyond_a_limit_is_broken_and_its_author_is_told_the_rule(
    settler: Settler, define: Define, alertname: str
) -> None:
    define(alertname, manifest=a_manifest())

    [outcome] = settler.settle(a_notification(an_alert(alertname)), time.monotonic() + 20)

    assert outcome.kind == Kind.BROKEN
    assert DEADLINE in outcome.message
    assert outcome.message.startswith("the API server refuses the job: ValidatingAdmissionPolicy")


# What waits for a person.


def told_command(part: str, **names: str) -> list[str]:
    """Return the one kubectl command of the page on guard rails that has this in it."""
    page = (ROOT / "docs" / "guard-rails.md").read_text()
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    commands = [shlex.split(line) for block in blocks for line in block.splitlines()]
    [words] = [words for words in commands if part in words]
    return [names.get(word, word) for word in words[1:]]


LIST = "openfero.io/approval=required"
APPROVE_IT = '{"spec":{"suspend":false}}'
DECLINE_IT = '{"spec":{"suspend":false,"activeDeadlineSeconds":0}}'


@pytest.fixture
def waiting(
    settler: Settler, define: Define, alertname: str, approver: None
) -> Callable[..., Outcome]:
    """Return what settles an alert about a pod, whose Job waits for a person."""
    manifest = a_manifest(activeDeadlineSeconds=600)
    define(alertname, manifest=manifest, annotations={"openfero.io/mode": "approve"})

    def wait(pod: str, status: str = "firing") -> Outcome:
        notification = a_notification(an_alert(alertname, status=status, pod=pod))
        [outcome] = settler.settle(notification, time.monotonic() + 20)
        return outcome

    return wait


def test_a_person_approves_or_declines_with_one_command_each(
    kubectl: Kubectl, kube: Kube, waiting: Callable[..., Outcome]
) -> None:
    one, other = (str(waiting(pod).job) for pod in ("web-0", "web-1"))
    as_approver = "--as=an-approver"

    listed = kubectl(*told_command(LIST), as_approver).stdout
    kubectl(*told_command(APPROVE_IT, NAME=one), as_approver)
    kubectl(*told_command(DECLINE_IT, NAME=other), as_approver)

    assert {one, other} <= set(listed.split())
    kubectl("wait", "job", other, "-n", NAMESPACE, "--for=condition=Failed", "--timeout=30s")
    until(lambda: kube.list("pods", f"batch.kubernetes.io/job-name={one}"), "one has a pod")
    assert kube.list("pods", f"batch.kubernetes.io/job-name={other}") == []
    assert waiting("web-1").kind == Kind.EXISTS, "what was declined stays declined"


def test_confined_as_it_is_the_function_declines_what_waits_when_the_alert_resolves(
    kubectl: Kubectl, waiting: Callable[..., Outcome]
) -> None:
    job = waiting("web-0").job

    resolved = waiting("web-0", "resolved")

    assert (resolved.kind, resolved.job) == (Kind.DECLINED, job)
    kubectl("wait", "job", job, "-n", NAMESPACE, "--for=condition=Failed", "--timeout=30s")
