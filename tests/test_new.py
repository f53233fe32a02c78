"""What `openfero new` writes is a whole definition: found, taken and confined as it stands."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import control_plane
import pytest
import yaml
from conftest import NAMESPACE
from function_process import ROOT
from hypothesis import example, given
from hypothesis import strategies as st
from kubectl import FUNCTION, Kubectl, apply_base
from make import a_notification, an_alert
from openfero import openfero
from waiting import until

from function.alerts import STATUSES
from function.definitions import (
    ALERTNAME,
    FALLBACK_KEY,
    definition_name,
    is_for,
    read_definition,
)
from function.guards import Create
from function.jobs import build_job
from function.rails import ANNOTATIONS, ON_RESOLVED, read_rails
from function.tools.documents import Document, Text, read_documents
from function.tools.findings import Unusable
from function.tools.new import new_definition

HOSTILE = [
    'Disk "Full" on {{ $labels.node }}',
    "Disk\nkind: Secret",
    "Disk\n---\nkind: ClusterRole",
    "Disk\u2028---\u2028kind: Secret\x85x: y",
    "# Disk",
    "Disk: {full: [yes]} | &anchor *alias !tag %x @{name} @@ ${HOME} $(id) `id`",
    "'Disk'",
    "\\Disk\\",
    "- Disk",
    "💾 Disk\x07\x1b[31m\x00",
    "Disk ",
    "D" * 300,
]
NO_KEY_OF_YAML = ["true", "Yes", "null", "1e3", "0x1F", "1_000", "12", ".5", "2026-01-01", "n"]


def documents(alertname: str, status: str = "firing", namespace: str = NAMESPACE) -> list[Document]:
    """Return what is written, as the function and kubectl read it."""
    text = new_definition(alertname, status, namespace)
    parts = text.split("\n---\n")
    assert len(parts) == 4, text
    return [document for part in parts for document in read_documents(Text("-", part))]


def config_map(alertname: str, status: str = "firing") -> dict[str, Any]:
    [found] = [each for each in documents(alertname, status) if each.kind == "ConfigMap"]
    return found.value


def job(alertname: str, status: str = "firing") -> dict[str, Any]:
    """Return the Job that the function makes of it."""
    alert = an_alert(alertname, status=status)
    definition = read_definition(config_map(alertname, status), alert)
    return build_job(definition, alert, a_notification(alert), NAMESPACE)[0]


# Which alert it is for.


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.sampled_from(STATUSES))
@example("PodDown", "firing")
@example("K\u212aubeDown", "firing")
@example("..", "firing")
@example("..a", "resolved")
@example("a.", "firing")
def test_whatever_the_alert_is_called_its_definition_is_for_it_and_becomes_its_job(
    alertname: str, status: str
) -> None:
    alert = an_alert(alertname, status=status)
    if definition_name(alert) is None:
        with pytest.raises(Unusable, match="nothing of it is left"):
            new_definition(alertname, status, NAMESPACE)
        return

    found = config_map(alertname, status)

    assert found["metadata"]["name"] == definition_name(alert)
    assert is_for(found, alert)
    assert job(alertname, status)["metadata"]["labels"]["openfero.io/status"] == status


@pytest.mark.parametrize("alertname", HOSTILE)
def test_no_alert_name_breaks_out_of_its_place(alertname: str) -> None:
    kinds = [each.kind for each in documents(alertname)]
    plain = config_map("PodDown")

    written = config_map(alertname)

    assert kinds == ["ServiceAccount", "Role", "RoleBinding", "ConfigMap"]
    assert written["metadata"]["annotations"][ALERTNAME] == alertname
    assert written.keys() == plain.keys()
    assert list(written["data"]) in ([FALLBACK_KEY], [alertname])
    name = written["metadata"]["name"]
    [manifest], [expected] = written["data"].values(), plain["data"].values()
    assert manifest == expected.replace("openfero-poddown-firing", name)


@pytest.mark.parametrize("alertname", NO_KEY_OF_YAML)
def test_a_name_that_yaml_takes_for_something_else_stays_the_key(alertname: str) -> None:
    assert list(config_map(alertname)["data"]) == [alertname]


@pytest.mark.parametrize(
    ("alertname", "key", "is_meant"),
    [
        ("KubeQuotaAlmostFull", "KubeQuotaAlmostFull", False),
        ("node.down", "node.down", False),
        ("Disk_Full", "Disk_Full", True),
        ("Disk Full%", FALLBACK_KEY, True),
        ("../../etc", FALLBACK_KEY, True),
        ("..etc", FALLBACK_KEY, True),
    ],
)
def test_a_name_that_others_could_map_to_says_which_alert_is_meant(
    alertname: str, key: str, is_meant: bool
) -> None:
    written = config_map(alertname)

    assert list(written["data"]) == [key]
    assert (ALERTNAME in written["metadata"]["annotations"]) == is_meant


def test_another_alert_of_the_same_name_does_not_find_it() -> None:
    written = config_map("Disk Full%")
    other = an_alert("Disk_Full")

    assert written["metadata"]["name"] == definition_name(other)
    assert not is_for(written, other)


@pytest.mark.parametrize("alertname", ["🔥", "", "."])
def test_an_alert_of_whose_name_nothing_is_left_can_have_none(alertname: str) -> None:
    with pytest.raises(Unusable, match="rename the alert in its rule"):
        new_definition(alertname, "firing", NAMESPACE)


def test_a_name_that_is_no_text_is_refused() -> None:
    with pytest.raises(Unusable, match="not UTF-8"):
        new_definition("Disk\udcff", "firing", NAMESPACE)


def test_a_namespace_that_cannot_be_is_refused() -> None:
    ran = openfero("new", "PodDown", "-n", "Open Fero")

    assert (ran.returncode, ran.stdout) == (2, "")
    assert "'Open Fero' is not the name of a namespace" in ran.stderr


# What is in it.


def test_all_of_it_is_in_the_namespace_of_the_jobs() -> None:
    for document in documents("PodDown", namespace="repairs"):
        assert document.value["metadata"]["namespace"] == "repairs"
    [binding] = [each for each in documents("PodDown") if each.kind == "RoleBinding"]
    assert [each["namespace"] for each in binding.value["subjects"]] == [NAMESPACE]


def test_the_job_runs_as_an_account_of_its_own_which_may_read_its_definition_and_nothing_else() -> (
    None
):
    account, role, binding, definition = (each.value for each in documents("PodDown"))
    name = definition["metadata"]["name"]

    assert job("PodDown")["spec"]["template"]["spec"]["serviceAccountName"] == name
    assert account["metadata"]["name"] == name
    assert [each["name"] for each in binding["subjects"]] == [name]
    assert binding["roleRef"]["name"] == role["metadata"]["name"] == name
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [name], "verbs": ["get"]}
    ]


def test_the_function_has_nothing_to_say_about_it() -> None:
    alert = an_alert("PodDown")
    definition = read_definition(config_map("PodDown"), alert)

    _, warnings = build_job(definition, alert, a_notification(alert), NAMESPACE)

    assert warnings == []


def test_the_job_is_bounded_and_its_image_is_named_by_version() -> None:
    spec = job("PodDown")["spec"]
    [container] = spec["template"]["spec"]["containers"]

    assert spec["backoffLimit"] == 1
    assert spec["activeDeadlineSeconds"] == 600
    assert spec["ttlSecondsAfterFinished"] == 24 * 60 * 60
    assert container["resources"].keys() == {"requests", "limits"}
    assert container["image"].rpartition(":")[2][0].isdigit()


def test_a_person_is_told_where_the_runbook_is() -> None:
    written = config_map('Disk "Full"')["metadata"]["annotations"]["runbook_url"]

    assert written == "https://runbooks.example.com/Disk%20%22Full%22"


@pytest.mark.parametrize("status", STATUSES)
def test_every_guard_rail_is_there_to_be_switched_on(status: str) -> None:
    """All at once, as they are written: they are read, and a Job comes of them."""
    text = new_definition("PodDown", status, NAMESPACE)
    switched_on = text.replace("    # openfero.io/", "    openfero.io/")
    [written] = [each for each in yaml.safe_load_all(switched_on) if each["kind"] == "ConfigMap"]
    annotations = written["metadata"]["annotations"]

    rails = read_rails(annotations, status)

    expected = ANNOTATIONS if status == "firing" else ANNOTATIONS - {ON_RESOLVED}
    assert {name for name in annotations if name.startswith("openfero.io/")} == expected
    assert rails.audits
    alert = an_alert("PodDown", status=status, namespace="shop", pod="web-0", severity="critical")
    definition = read_definition(written, alert)
    assert definition.rails.matches(alert.labels)
    build_job(definition, alert, a_notification(alert), NAMESPACE, Create(1, is_suspended=True))


def test_what_is_commented_in_of_the_role_is_a_rule() -> None:
    text = new_definition("PodDown", "firing", NAMESPACE)
    switched_on = text.replace("\n#\n#  - api", "\n  - api").replace("\n#    ", "\n    ")

    [role] = [each for each in yaml.safe_load_all(switched_on) if each["kind"] == "Role"]

    [_, more] = role["rules"]
    assert more["resources"] == ["pods"]


# What is typed.


def test_it_is_written_to_standard_output() -> None:
    ran = openfero("new", "PodDown", "--status", "resolved", "-n", "repairs")

    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == new_definition("PodDown", "resolved", "repairs")


def test_what_cannot_be_is_said_on_standard_error_and_nothing_is_written() -> None:
    ran = openfero("new", "🔥")

    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("Error: no definition can be for the alert name '🔥'")


def test_its_help_begins_with_an_example() -> None:
    assert openfero("new", "--help").stdout.startswith(
        "Example: openfero new PodDown > poddown.yaml\n"
    )


# What a real API server says.


@pytest.fixture(scope="module")
def kubectl(
    needs_control_plane: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kubectl]:
    """A control plane of its own, with the base and the component confine."""
    home = tmp_path_factory.mktemp("new")
    with control_plane.running(home) as plane:
        kubectl = Kubectl(plane.write_kubeconfig(home / "kubeconfig", namespace=NAMESPACE), home)
        apply_base(kubectl)
        label = "pod-security.kubernetes.io/enforce=restricted"
        kubectl("label", "namespace", NAMESPACE, "--overwrite", label)
        yield kubectl


@pytest.mark.parametrize("alertname", ["PodDown", *HOSTILE, *NO_KEY_OF_YAML])
@pytest.mark.parametrize("status", STATUSES)
def test_the_api_server_takes_it(kubectl: Kubectl, alertname: str, status: str) -> None:
    text = new_definition(alertname, status, NAMESPACE)

    ran = kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=text)

    assert ran.stderr == ""
    assert len(ran.stdout.splitlines()) == 4


@pytest.mark.parametrize("alertname", [*HOSTILE, *NO_KEY_OF_YAML])
def test_kubectl_reads_the_name_as_it_was_meant(kubectl: Kubectl, alertname: str) -> None:
    text = new_definition(alertname, "firing", NAMESPACE)

    definition = text.split("\n---\n")[-1]
    ran = kubectl("create", "--dry-run=client", "-o", "json", "-f", "-", stdin=definition)

    assert json.loads(ran.stdout) == config_map(alertname)


def test_its_pod_is_restricted(kubectl: Kubectl) -> None:
    built = job("PodDown")
    kubectl("apply", "-f", "-", stdin=new_definition("PodDown", "firing", NAMESPACE))
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "repair", "namespace": NAMESPACE},
        "spec": built["spec"]["template"]["spec"],
    }

    for created in (built, pod):
        ran = kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=created)
        assert ran.stderr == ""


def test_its_job_may_read_its_definition_as_its_script_does(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=new_definition("PodDown", "firing", NAMESPACE))
    name = "openfero-poddown-firing"
    account = f"--as=system:serviceaccount:{NAMESPACE}:{name}"
    [container] = job("PodDown")["spec"]["template"]["spec"]["containers"]
    [line] = [each for each in container["args"][0].splitlines() if each.startswith("kubectl ")]
    _, *words = line.replace('"$OPENFERO_DEFINITION"', name).replace("'", "").split(maxsplit=4)

    ran = kubectl(*words, account)
    refused = kubectl("get", "configmaps", account, check=False)

    assert ran.stdout == "runbook: https://runbooks.example.com/PodDown\n"
    assert "Forbidden" in refused.stderr


def test_confined_the_function_may_create_its_job_once_its_account_is_named(
    kubectl: Kubectl, tmp_path: Path
) -> None:
    create = ("create", "--dry-run=server", f"--as={FUNCTION}", "-f", "-")
    built = job("PodDown")
    account = built["spec"]["template"]["spec"]["serviceAccountName"]
    apply_confine(kubectl, tmp_path)

    def refusal() -> str:
        return kubectl(*create, stdin=built, check=False).stderr

    until(lambda: "is not one of service-accounts" in refusal(), "the policies are in force")
    limits = {"data": {"service-accounts": f"openfero-job, {account}"}}
    patch_limits(kubectl, limits)
    until(lambda: refusal() == "", "the account is named")


def apply_confine(kubectl: Kubectl, folder: Path) -> None:
    component = ROOT / "knative" / "components" / "confine"
    files = yaml.safe_load((component / "kustomization.yaml").read_text())["resources"]
    kubectl("apply", *(f"--filename={component / name}" for name in files))


def patch_limits(kubectl: Kubectl, patch: dict[str, Any]) -> None:
    words = ("patch", "configmap", "openfero-limits", "-n", "openfero")
    kubectl(*words, "--patch-file=/dev/stdin", stdin=patch)
