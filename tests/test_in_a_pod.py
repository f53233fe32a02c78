"""The function as its pod finds itself: the shipped account, its token, and nothing else.

The files that a kubelet mounts lie at one fixed path, so the function gets a mount
namespace of its own, in which they lie there.
"""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import control_plane
import pytest
from conftest import NAMESPACE, without_server_fields
from control_plane import ControlPlane
from function_process import FunctionProcess, doors, running
from kube import Kube, pods_of
from kubectl import FUNCTION, Kubectl, apply_base, container_of_the_service
from make import MANIFEST, a_config_map, firing, notification_json
from waiting import until
from wire import Response, post

ALERT = "InAPod"
DEFINITION = "openfero-inapod-firing"

# The client reads its token once a minute, and an API server trusts one for ten seconds
# after it has been revoked.
TOKEN_SECONDS = 90

IN_A_POD = """
mount -t tmpfs run /run
mkdir -p /run/secrets/kubernetes.io/serviceaccount
mount --bind "$1" /run/secrets/kubernetes.io/serviceaccount
shift
exec "$@"
"""


GUARDED = "openfero-guarded-firing"


@dataclass
class Pod:
    """What a kubelet gives to a pod of the function."""

    plane: ControlPlane
    kubectl: Kubectl
    folder: Path

    def starts(self) -> AbstractContextManager[FunctionProcess]:
        [door, *_] = doors()
        inside = ("unshare", "-Urm", "sh", "-euc", IN_A_POD, "in-a-pod", self.mounted)
        host, port = self.plane.url.removeprefix("https://").split(":")
        return running(
            door,
            self.folder / "function.log",
            None,
            inside=inside,
            KUBERNETES_SERVICE_HOST=host,
            KUBERNETES_SERVICE_PORT=port,
            **variables_of_the_service(),
        )

    @property
    def mounted(self) -> Path:
        return self.folder / "serviceaccount"

    def give_token(self, bound_to: str) -> None:
        """Put a token where the old one was, by a rename, as a kubelet does.

        It is good for as long as the Secret it is bound to.
        """
        self.kubectl("create", "secret", "generic", bound_to, "-n", "openfero")
        bound = ("--bound-object-kind=Secret", f"--bound-object-name={bound_to}")
        token = self.kubectl("create", "token", "openfero-function", "-n", "openfero", *bound)
        fresh = self.mounted / "fresh"
        fresh.write_text(token.stdout.strip())
        fresh.rename(self.mounted / "token")

    def may(self, verb: str) -> bool:
        """Say whether the function may do something with Jobs."""
        asked = ("auth", "can-i", verb, "jobs.batch", "-n", NAMESPACE, f"--as={FUNCTION}")
        return self.kubectl(*asked, check=False).stdout.strip() == "yes"

    def revoke_token(self, bound_to: str) -> None:
        self.kubectl("delete", "secret", bound_to, "-n", "openfero")


def variables_of_the_service() -> dict[str, str]:
    """Those of the shipped Service; its token for senders is a matter of other tests."""
    variables = {each["name"]: each["value"] for each in container_of_the_service()["env"]}
    del variables["OPENFERO_TOKEN_FILE"]
    return variables


@pytest.fixture(scope="module")
def pod(needs_control_plane: None, needs_mounts: None, folder: Path) -> Iterator[Pod]:
    home = folder / "in-a-pod"
    (home / "serviceaccount").mkdir(parents=True)
    with control_plane.running(home) as plane:
        admin = plane.write_kubeconfig(home / "admin.kubeconfig", namespace=NAMESPACE)
        pod = Pod(plane, Kubectl(admin, home), home)
        apply_base(pod.kubectl)
        (pod.mounted / "ca.crt").write_bytes(plane.authority.read_bytes())
        (pod.mounted / "namespace").write_text("openfero")
        yield pod


@pytest.fixture
def kube(pod: Pod) -> Iterator[Kube]:
    client = Kube(str(pod.folder / "admin.kubeconfig"))
    definition = a_config_map(name=DEFINITION, data={"job.yaml": MANIFEST})
    client.create("configmaps", without_server_fields(definition))
    yield client
    client.delete("configmaps", DEFINITION)
    for job in client.jobs(DEFINITION):
        client.delete("jobs", job["metadata"]["name"])
    client.close()


def notify(function: FunctionProcess, pod_label: str) -> Response:
    return post(function.url, notification_json(firing(ALERT, pod=pod_label)))


def test_it_finds_its_cluster_and_does_its_work(pod: Pod, kube: Kube) -> None:
    pod.give_token("plain")

    with pod.starts() as function:
        answers = [notify(function, "web-0"), notify(function, "web-0")]
        stranger = post(function.url, notification_json(firing("Unknown")))

    assert [each.words for each in (*answers, stranger)] == [
        ["created"],
        ["exists"],
        ["no-definition"],
    ]
    started = function.log.read_text()
    assert pod.plane.url in started
    assert NAMESPACE in started


def test_a_token_that_is_rotated_is_followed_and_one_that_is_revoked_heals(
    pod: Pod, kube: Kube
) -> None:
    """One Job per episode all the while: what is refused for now, the sender sends again."""
    pod.give_token("before")
    with pod.starts() as function:
        assert notify(function, "first").words == ["created"]

        pod.revoke_token("before")
        until(lambda: notify(function, "second").status == 503, "the old token is refused")
        refused = notify(function, "second")
        pod.give_token("after")
        until(lambda: notify(function, "second").status == 200, "the new one is", TOKEN_SECONDS)
        settled = notify(function, "second")

    assert "Unauthorized" in refused.text
    assert settled.words == ["exists"]
    assert pods_of(kube.jobs(DEFINITION)) == ["first", "second"]


@pytest.mark.parametrize(
    ("piece", "verb", "status"),
    [
        ("openfero-function-history", "list", "firing"),
        ("openfero-function-endings", "patch", "resolved"),
    ],
)
def test_a_right_that_a_guard_rail_needs_is_named_where_it_is_missing_and_heals(
    pod: Pod, kube: Kube, piece: str, verb: str, status: str
) -> None:
    annotations = {"openfero.io/on-resolved": "cancel"}
    definition = a_config_map(name=GUARDED, data={"job.yaml": MANIFEST}, annotations=annotations)
    kube.create("configmaps", without_server_fields(definition))
    alert = firing("Guarded", piece=piece)
    pod.give_token(f"guarded-{verb}")
    binding = pod.kubectl("get", "rolebinding", piece, "-n", NAMESPACE, "-o", "json").stdout
    with pod.starts() as function:
        if status == "resolved":
            post(function.url, notification_json(alert))
        pod.kubectl("delete", "rolebinding", piece, "-n", NAMESPACE)
        until(lambda: not pod.may(verb), "the right is gone")
        refused = post_as(function, alert, status)
        restore(pod, binding)
        until(lambda: post_as(function, alert, status).status == 200, "the right is back")
    kube.delete("configmaps", GUARDED)

    assert refused.status == 503
    assert any(f'cannot {verb} resource "jobs"' in message for message in messages(function))
    [job] = kube.jobs(GUARDED)
    assert (job["spec"].get("activeDeadlineSeconds") == 0) is (verb == "patch")
    kube.delete("jobs", job["metadata"]["name"])


def post_as(function: FunctionProcess, alert: dict[str, Any], status: str) -> Response:
    return post(function.url, notification_json({**alert, "status": status}))


def messages(function: FunctionProcess) -> list[str]:
    """What it has logged; in the answer a long message is cut off."""
    lines = (json.loads(line) for line in function.lines() if line.startswith("{"))
    return [line.get("message", "") for line in lines]


def restore(pod: Pod, binding: str) -> None:
    content = json.loads(binding)
    content["metadata"] = {key: content["metadata"][key] for key in ("name", "namespace")}
    pod.kubectl("create", "-f", "-", stdin=content)
