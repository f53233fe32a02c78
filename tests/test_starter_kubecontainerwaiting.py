"""KubeContainerWaiting says what a container waits for, on the pod and in the log."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import containers
import pytest
from diagnoses import (
    a_pod,
    a_status,
    all_findings,
    an_event,
    ended,
    findings,
    make,
    waiting,
)
from starter_pack import Pack, applied, changed, snapshot

PULLED = 'Failed to pull image "shop/api:1.2.3": '

# How it waits, what was said of that, and what the one sentence says: at first in the
# words of kubelets and registries.
OF_THE_REGISTRY = [
    ("rpc error: code = NotFound desc = docker.io/shop/api:1.2.3: not found", "the registry has no such image or tag"),
    ("manifest unknown", "the registry has no such image or tag"),
    ("pull access denied, repository does not exist or may require authorization: server message: insufficient_scope", "the registry does not give it away: no right to it, or no such image"),
    ("unexpected status from HEAD request to https://ghcr.io/v2/shop/api/manifests/1.2.3: 403 Forbidden", "the registry does not give it away: no right to it, or no such image"),
    ("429 Too Many Requests - toomanyrequests: You have reached your unauthenticated pull rate limit.", "the registry has been asked too often"),
    ("dial tcp: lookup registry.example on 10.96.0.10:53: no such host", "the registry cannot be reached"),
    ("tls: failed to verify certificate: x509: certificate signed by unknown authority", "the certificate of the registry is not trusted"),
    ("no match for platform in manifest", "the image is not made for the platform of the node"),
    ("write /var/lib/containerd: no space left on device", "the disk of the node is full"),
    ("something new", "see what the registry says"),
]  # fmt: skip
OF_THE_KUBELET = [
    ("InvalidImageName", "", "the name of its image is none"),
    ("ErrImageNeverPull", "", "the image is not on the node, and may not be pulled (imagePullPolicy: Never)"),
    ("CreateContainerConfigError", 'configmap "app-config" not found', "ConfigMap app-config is missing"),
    ("CreateContainerConfigError", 'secret "db" not found', "Secret db is missing"),
    ("CreateContainerConfigError", "couldn't find key LOG_LEVEL in ConfigMap shop/app-config", "ConfigMap app-config has no key LOG_LEVEL"),
    ("CreateContainerConfigError", "couldn't find key tls.key in Secret shop/db", "Secret db has no key tls.key"),
    ("CreateContainerConfigError", "container has runAsNonRoot and image will run as root", "it may not run as root, and as far as its image says it would"),
    ("CreateContainerConfigError", 'secret "a: b' + "\n" + 'c" not found', "see what the node says in its status and its Events"),
]  # fmt: skip
OF_AN_EVENT = [
    ("FailedMount", 'MountVolume.SetUp failed for volume "config" : configmap "app-config" not found', "ConfigMap app-config is missing"),
    ("FailedMount", 'MountVolume.SetUp failed for volume "keys" : secret "tls" not found', "Secret tls is missing"),
    ("FailedMount", 'MountVolume.SetUp failed for volume "keys" : references non-existent secret key: ca.crt', "a secret that is mounted has no key ca.crt"),
    ("FailedAttachVolume", "Multi-Attach error for volume", "the node has trouble: FailedAttachVolume"),
    ("FailedCreatePodSandBox", "plugin type=\"calico\" failed", "the node has trouble: FailedCreatePodSandBox"),
]  # fmt: skip


@pytest.fixture(scope="module")
def pack(
    needs_control_plane: None, kubeconfig: Path, function: str, folder: Path
) -> Iterator[Pack]:
    """The entry, bound in one namespace, with all that waits of the tables above in it."""
    pods, events = [], []
    for number, (said, _) in enumerate(OF_THE_REGISTRY):
        pods.append(pulling(f"pull-{number}", "ErrImagePull: " + said))
        pods.append(pulling(f"old-pull-{number}"))
        events.append((f"old-pull-{number}", "Failed", PULLED + said))
    for number, (reason, said, _) in enumerate(OF_THE_KUBELET):
        pods.append(a_pod(f"kubelet-{number}", a_status(state=waiting(reason, said))))
    for number, (reason, said, _) in enumerate(OF_AN_EVENT):
        pods.append(a_pod(f"event-{number}", a_status(state=waiting("ContainerCreating"))))
        events.append((f"event-{number}", reason, said))
    with applied("kubecontainerwaiting", kubeconfig, function, folder) as pack:
        make(pack, *pods)
        make(pack, *(an_event(pack, *event) for event in events))
        pack.types("create rolebinding")
        yield pack


def pulling(name: str, said: str = "") -> dict[str, Any]:
    back_off = 'Back-off pulling image "shop/api:1.2.3"'
    state = waiting("ImagePullBackOff", f"{back_off}: {said}" if said else back_off)
    return a_pod(name, a_status(state=state))


def check(pack: Pack, name: str, reason: str, why: str) -> str:
    """Run it on a pod; return its log, which begins and ends with what the pod's Event says."""
    ran = pack.run(pod=name, reason=reason)

    told = f"container api waits, {reason}: {why}"
    assert (ran.returncode, ran.stderr) == (0, ""), ran
    assert ran.stdout.startswith(told + "\n")
    assert ran.stdout.endswith(f"\n\n{told}\n")
    assert findings(pack, name) == [told]
    return ran.stdout


@pytest.mark.parametrize("number", range(len(OF_THE_REGISTRY)))
def test_it_says_what_the_registry_means_and_in_the_log_what_it_says(
    pack: Pack, number: int
) -> None:
    said, why = OF_THE_REGISTRY[number]

    assert said in check(pack, f"pull-{number}", "ImagePullBackOff", why)
    assert said in check(pack, f"old-pull-{number}", "ImagePullBackOff", why)


@pytest.mark.parametrize("number", range(len(OF_THE_KUBELET)))
def test_it_says_what_the_kubelet_lacks(pack: Pack, number: int) -> None:
    reason, _, why = OF_THE_KUBELET[number]

    check(pack, f"kubelet-{number}", reason, why)


@pytest.mark.parametrize("number", range(len(OF_AN_EVENT)))
def test_of_a_container_that_is_being_created_it_says_what_the_events_say(
    pack: Pack, number: int
) -> None:
    check(pack, f"event-{number}", "ContainerCreating", OF_AN_EVENT[number][-1])


def test_it_says_which_claim_is_not_bound_and_names_all_that_the_pod_is_made_of(
    pack: Pack,
) -> None:
    volumes = [
        {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "gone", "persistentVolumeClaim": {"claimName": "gone"}},
        {"name": "keys", "secret": {"secretName": "tls"}},
        {"name": "scratch", "emptyDir": {}},
        {"name": "all", "projected": {"sources": [{"configMap": {"name": "more"}}, {"secret": {"name": "most"}}]}},
        {"name": "csi", "csi": {"driver": "disk.example", "volumeAttributes": {"password": "swordfish"}}},
    ]  # fmt: skip
    container = {
        "command": ["login", "--password=swordfish"],
        "envFrom": [{"secretRef": {"name": "all-of-it"}}],
        "env": [
            {"name": "PASSWORD", "value": "swordfish"},
            {"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": "app", "key": "level"}}},
        ],
    }
    status = a_status(state=waiting("ContainerCreating"))
    registry = [{"name": "registry"}]
    pod = a_pod("claims", status, container=container, volumes=volumes, imagePullSecrets=registry)
    make(pack, a_claim("data"), pod)

    text = check(pack, "claims", "ContainerCreating", "claim data is Pending")

    for line in (
        "  data: Pending, class slow",
        "  gone: missing",
        '  volume data: persistentVolumeClaim "data"',
        '  volume keys: secret "tls"',
        "  volume scratch: emptyDir",
        '  volume all: projected configMap "more" secret "most"',
        "  volume csi: csi",
        '  for the registry: Secret "registry"',
        '  api: all of Secret "all-of-it"',
        '  api: "level" of ConfigMap "app"',
    ):
        assert line in text.splitlines()
    assert "swordfish" not in text


def a_claim(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {
            "storageClassName": "slow",
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }


def test_it_says_which_init_container_has_not_ended(pack: Pack) -> None:
    init = [
        a_status("fetch", state=ended(0, "Completed")),
        a_status("migrate", state={"running": {}}),
    ]
    status = a_status(state=waiting("PodInitializing"))
    images = [{"name": each["name"], "image": "shop/init:1"} for each in init]
    make(pack, a_pod("init", status, initContainers=images, status={"initContainerStatuses": init}))

    check(pack, "init", "PodInitializing", "init container migrate has not ended well")


def test_it_prints_no_message_of_what_has_ended_for_that_may_be_the_end_of_a_log(
    pack: Pack,
) -> None:
    leak = "login failed with password swordfish"
    init = [
        a_status("migrate", state=ended(1, message=leak), lastState=ended(2, message=leak)),
        a_status("wait", state=waiting("PodInitializing"), lastState=ended(3, message=leak)),
    ]
    told = [
        a_status(state=waiting("PodInitializing", "so it is"), lastState=ended(1, message=leak)),
        a_status("sidecar", state=ended(4, message=leak)),
    ]
    images = [{"name": each["name"], "image": "shop/init:1"} for each in init]
    make(pack, a_pod("leaky", *told, initContainers=images, status={"initContainerStatuses": init}))

    text = check(pack, "leaky", "PodInitializing", "init container migrate has not ended well")

    assert '  migrate: 0 restarts; not ready; terminated "Error", exit code 1, from ' in text
    assert 'waiting "PodInitializing": "so it is"' in text
    assert "swordfish" not in text


def test_names_of_containers_are_text_and_no_numbers(pack: Pack) -> None:
    names = {"01": "InvalidImageName", "1": "ErrImageNeverPull", "1e0": "ImagePullBackOff"}
    statuses = [a_status(name, state=waiting(reason)) for name, reason in names.items()]
    make(pack, a_pod("numbers", *statuses))

    runs = {name: pack.run(pod="numbers", container=name) for name in names}

    for name, reason in names.items():
        assert runs[name].stdout.startswith(f"container {name} waits, {reason}: ")


def test_under_busybox_it_says_the_same(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(containers.SHELL, "busybox")
    make(pack, a_claim("slow"), pulling("busybox", "manifest unknown"))
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "slow"}}
    status = a_status(state=waiting("ContainerCreating"))
    make(pack, a_pod("busybox-claim", status, volumes=[volume]))

    check(pack, "busybox", "ImagePullBackOff", "the registry has no such image or tag")
    check(pack, "busybox-claim", "ContainerCreating", "claim slow is Pending")


def test_it_says_what_the_container_waits_for_now_not_what_the_alert_was_about(pack: Pack) -> None:
    make(pack, a_pod("now", a_status(state=waiting("InvalidImageName"))))

    ran = pack.run(pod="now", reason="ImagePullBackOff")

    assert ran.stdout.startswith("container api waits, InvalidImageName: ")


def test_what_is_gone_or_no_longer_waits_is_left(pack: Pack) -> None:
    make(pack, a_pod("calm", a_status(state={"running": {}})))
    make(pack, a_pod("crashing", a_status(state=waiting("CrashLoopBackOff"))))

    runs = [pack.run(pod=name) for name in ("gone", "calm", "crashing")]
    other = pack.run(pod="kubelet-0", container="sidecar")

    end = "; there is nothing to diagnose\n"
    assert [each.stdout for each in [*runs, other]] == [
        f"there is no such pod{end}",
        f"the pod has no such container that waits{end}",
        f"by now it crashes, and KubePodCrashLooping is about that{end}",
        f"the pod has no such container that waits{end}",
    ]
    assert {each.returncode for each in [*runs, other]} == {0}
    assert findings(pack, "calm") + findings(pack, "crashing") == []


def test_it_changes_nothing_and_run_twice_it_finds_the_same(pack: Pack) -> None:
    make(pack, pulling("twice", "not found"))
    before = snapshot(pack.kubectl)

    pack.run(pod="twice")
    pack.run(pod="twice")

    assert changed(before, snapshot(pack.kubectl)) == set()
    assert len(set(findings(pack, "twice"))) == 1


def test_in_a_namespace_where_it_is_not_bound_it_sees_nothing(pack: Pack) -> None:
    make(pack, pulling("hidden"), namespace=pack.elsewhere)

    ran = pack.run(namespace=pack.elsewhere, pod="hidden")

    assert ran.returncode != 0
    assert 'cannot get resource "pods"' in ran.stderr


def test_where_it_is_bound_it_may_look_and_say_so(pack: Pack) -> None:
    assert pack.may(pack.namespace) == {
        "get pods",
        "get persistentvolumeclaims",
        "list events",
        "create events",
    }


@pytest.mark.parametrize("where", ["elsewhere", "openfero-jobs", "kube-system", ""])
def test_elsewhere_and_in_the_cluster_as_a_whole_it_may_do_nothing(pack: Pack, where: str) -> None:
    assert pack.may(pack.elsewhere if where == "elsewhere" else where) == set()


def test_hostile_values_in_every_label_change_nothing(pack: Pack) -> None:
    make(pack, pulling("calmly", "not found"))
    before, told = snapshot(pack.kubectl), all_findings(pack)

    runs = pack.runs_with_hostile_labels(pod="calmly")

    assert changed(before, snapshot(pack.kubectl)) == set(), runs
    assert all_findings(pack) - told <= {"calmly"}
