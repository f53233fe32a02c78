"""What a test of the starter pack begins with: an entry, applied, and its Job as a process."""

import json
import re
import shlex
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import containers
import yaml
from attempts import Account
from conftest import NAMESPACE
from function_process import ROOT
from kube import Kube
from kubectl import BASE, Kubectl, Ran, documents
from wire import post

PACK = BASE / "definitions"
ENTRIES = sorted(
    path.name for path in PACK.iterdir() if path.is_dir() and path.name != "openferotest"
)
"""Every folder but that of the test alert, which repairs nothing."""

SHOP = "shop"
"""The namespace in the examples of all entries."""

HOSTILE = {
    "a command": "$(reboot)",
    "a command that is there": "$(touch pwned)",
    "an older command": "`touch pwned`",
    "a variable": "$(OPENFERO_NAMESPACE)",
    "a shell's variable": "${HOME}",
    "another command": "; touch pwned",
    "an option": "--all",
    "two options": "-n kube-system",
    "an option with a value": "--namespace=kube-system",
    "a way up": "../..",
    "a pattern": "*",
    "quotes": "\"'\\",
    "lines": "a\nb\n---\n",
    "a template": "{{.}}",
    "the end of a program": "}' || true",
    "JSON": '"}, {"op": "remove", "path": "/spec"',
    "very long": "x" * 40_000,
    "nothing": "",
    "other letters": "größe-名前-🔥",
}

UNTOUCHED = ("events", "events.events.k8s.io", "leases.coordination.k8s.io")
"""What a running cluster changes by itself all the time."""


@dataclass(frozen=True)
class Entry:
    """A folder of the pack, as it lies there."""

    name: str

    @property
    def folder(self) -> Path:
        return PACK / self.name

    @property
    def definition(self) -> dict[str, Any]:
        """The ConfigMap."""
        return yaml.safe_load((self.folder / "definition.yaml").read_text())

    @property
    def access(self) -> list[dict[str, Any]]:
        return documents((self.folder / "access.yaml").read_text())

    @property
    def notification(self) -> dict[str, Any]:
        return json.loads((self.folder / "alerts.json").read_text())

    @property
    def labels(self) -> dict[str, str]:
        """Those of the one alert in its example."""
        [alert] = self.notification["alerts"]
        return alert["labels"]

    @property
    def job(self) -> dict[str, Any]:
        """The manifest."""
        [text] = self.definition["data"].values()
        return yaml.safe_load(text)

    @property
    def container(self) -> dict[str, Any]:
        [container] = self.job["spec"]["template"]["spec"]["containers"]
        return container

    @property
    def script(self) -> str:
        return self.container["args"][-1]

    @property
    def account(self) -> str:
        return self.job["spec"]["template"]["spec"]["serviceAccountName"]

    @property
    def rails(self) -> dict[str, str]:
        """Its annotations that are guard rails, by their short names."""
        annotations = self.definition["metadata"].get("annotations", {})
        return {name.removeprefix("openfero.io/"): text for name, text in annotations.items()}

    @property
    def used_labels(self) -> set[str]:
        """The labels that its script, its subject or its match names."""
        words = set(re.findall(r"OPENFERO_(\w+)", self.script))
        named = {label for label in self.labels if label.upper() in words}
        rails = self.rails.get("subject", "") + "," + self.rails.get("match", "")
        return named | set(re.findall(r"(?:^|,)\s*(\w+)", rails))

    def commands(self) -> list[str]:
        """The commands of its page, each in one line."""
        blocks = re.findall(r"```sh\n(.*?)```", (self.folder / "README.md").read_text(), re.DOTALL)
        lines = "".join(blocks).replace("\\\n", " ").splitlines()
        return [line for line in lines if line and not line.startswith("#")]


@dataclass
class Pack:
    """An entry that is applied to a real cluster, with two namespaces in which it is not bound."""

    entry: Entry
    kubectl: Kubectl
    kubeconfig: Path
    function: str
    folder: Path
    namespace: str = field(default_factory=lambda: f"{SHOP}-{uuid.uuid4().hex[:6]}")

    def __post_init__(self) -> None:
        self.elsewhere = f"{self.namespace}-elsewhere"
        self._kube = Kube(str(self.kubeconfig))

    def types(self, part: str, **names: str) -> Ran:
        """Type the one command of its page with this in it, for the namespace of this test.

        `names` are other words of the command that the test wants to be different.
        """
        [line] = [line for line in self.entry.commands() if part in line]
        words = [self._ours(names.get(word, word)) for word in shlex.split(line)]
        assert words[0] == "kubectl", line
        return self.kubectl(*words[1:])

    def job(self, **labels: str) -> dict[str, Any]:
        """Notify the function of the example's alert, with other labels where they are given.

        Returns the Job that comes out, approved if it has to be; in the cluster it is gone
        again, so that the next alert is the first.
        """
        response = post(self.function, self.notification(**labels))
        assert response.status == 200, response
        assert response.words == ["created"], response
        return self._take(response.outcomes[0]["job"])

    def run(self, *, meanwhile: tuple[str, ...] = (), **labels: str) -> Ran:
        """Notify, and run what the container of the Job would run, as its very account.

        `meanwhile` is a verb, and the words of a kubectl command that an admin types just
        before the script's first kubectl with that verb.
        """
        return self.run_job(self.job(**labels), meanwhile)

    def run_job(self, job: dict[str, Any], meanwhile: tuple[str, ...] = ()) -> Ran:
        person = meanwhile and containers.Meanwhile(meanwhile[0], meanwhile[1:], self.kubeconfig)
        folder = self.folder / uuid.uuid4().hex
        ran = containers.run(job, self.own_kubeconfig, folder, person or None)
        assert not list(folder.rglob("*pwned*")), ran
        return ran

    def notification(self, **labels: str) -> dict[str, Any]:
        """The example, of an alert that begins now."""
        told = self.entry.notification
        [alert] = told["alerts"]
        alert["startsAt"] = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        alert["labels"] = {**self.labels, **labels}
        return told

    @property
    def labels(self) -> dict[str, str]:
        return {name: self._ours(text) for name, text in self.entry.labels.items()}

    @cached_property
    def own_kubeconfig(self) -> Path:
        """That of the ServiceAccount that its Jobs run as."""
        token = self.kubectl("create", "token", self.entry.account, "-n", NAMESPACE).stdout.strip()
        return containers.as_account(
            self.kubeconfig, token, self.folder / f"{uuid.uuid4().hex}.kubeconfig"
        )

    def may(self, namespace: str = "") -> set[str]:
        """Try everything as its account, in a namespace or cluster-wide; return what is allowed."""
        account = Account(self.own_kubeconfig)
        try:
            return account.may(namespace)
        finally:
            account.close()

    def runs_with_hostile_labels(self, **labels: str) -> list[tuple[str, str, Ran]]:
        """Run it with each hostile value in each label; return (label, what value, what ran).

        The others are those of the example, or as given. What nothing in the definition
        names needs no run for each: all such labels are hostile at once, each with another value.
        """
        used = sorted(self.entry.used_labels - {"alertname"})  # that is another definition's
        others = sorted(self.labels.keys() - {*used, "alertname"})
        turns = [(label, what, {label: HOSTILE[what]}) for label in used for what in HOSTILE]
        for start in range(0, len(HOSTILE), len(others) or len(HOSTILE)):
            values = dict(zip(others, list(HOSTILE.values())[start:], strict=False))
            turns.append(("all others", f"from {start} on", values))
        jobs = [
            (label, what, job)
            for label, what, hostile in turns
            for job in self._hostile_jobs({**labels, **hostile})
        ]
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda each: (*each[:2], self.run_job(each[2])), jobs))

    def _hostile_jobs(self, labels: dict[str, str]) -> list[dict[str, Any]]:
        """The Job of such an alert, or none where a guard rail needs what the label said."""
        response = post(self.function, self.notification(**labels))
        if response.status == 200 and response.words == ["created"]:
            return [self._take(response.outcomes[0]["job"])]
        matched = {name for name in labels if f"{name}=" in self.entry.rails.get("match", "")}
        assert matched or "" in labels.values(), response
        return []

    def _take(self, name: str) -> dict[str, Any]:
        job = self._kube.get("jobs", name)
        assert job["spec"].get("suspend", False) == (self.entry.rails.get("mode") == "approve")
        if job["spec"].get("suspend"):
            approve(self._kube, name)
        job = self._kube.get("jobs", name)
        self._kube.delete("jobs", name)
        return job

    def _ours(self, word: str) -> str:
        return re.sub(rf"\b{SHOP}\b", self.namespace, word)

    def close(self) -> None:
        self._kube.close()


def approve(kube: Kube, name: str) -> None:
    """Patch a Job as the page on guard rails says that a person does."""
    page = (ROOT / "docs" / "guard-rails.md").read_text()
    [patch, _decline] = re.findall(r"kubectl patch job NAME .* -p '(.*)'", page)
    kube.patch("jobs", name, json.loads(patch))


def snapshot(kubectl: Kubectl, *kinds: str) -> dict[str, Any]:
    """Return every object of these kinds in all namespaces, of all kinds if none is given.

    Without what a cluster changes by itself: versions, statuses, the Jobs of the tests, and
    what is on its way out, such as the namespaces of an earlier test.
    """
    if not kinds:
        listed = kubectl("api-resources", "--verbs=list", "--output=name").stdout.split()
        kinds = tuple(name for name in listed if name not in UNTOUCHED)
    got = kubectl("get", ",".join(kinds), "--all-namespaces", "--output=json").stdout
    found = [each for each in json.loads(got)["items"] if not _is_of_a_job(each)]
    leaving = {each["metadata"]["name"] for each in found if _leaves(each, "Namespace")}
    return dict(
        _kept(each)
        for each in found
        if not _leaves(each) and each["metadata"].get("namespace") not in leaving
    )


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """Return the names of what is new, gone or different in the second snapshot."""
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def _is_of_a_job(content: dict[str, Any]) -> bool:
    return content["metadata"].get("namespace") == NAMESPACE and content["kind"] in ("Job", "Pod")


def _leaves(content: dict[str, Any], kind: str = "") -> bool:
    return kind in ("", content["kind"]) and "deletionTimestamp" in content["metadata"]


def _kept(content: dict[str, Any]) -> tuple[str, Any]:
    metadata = content["metadata"]
    names = (content["kind"], metadata.get("namespace", ""), metadata["name"])
    left_out = ("managedFields", "resourceVersion")
    kept = {name: part for name, part in metadata.items() if name not in left_out}
    return "/".join(names), {**content, "metadata": kept, "status": None}


@contextmanager
def applied(name: str, kubeconfig: Path, function: str, folder: Path) -> Iterator[Pack]:
    """Apply an entry for as long as the block, with namespaces for what it is to repair."""
    entry, kubectl = Entry(name), Kubectl(kubeconfig, folder)
    kubectl("apply", "--validate=strict", "-k", entry.folder)
    own = folder / f"{name}-{uuid.uuid4().hex[:6]}"
    own.mkdir()
    pack = Pack(entry, kubectl, kubeconfig, function, own)
    spaces = (pack.namespace, pack.elsewhere)
    try:
        for namespace in spaces:
            kubectl("create", "namespace", namespace)
            kubectl("wait", "--for=create", "sa/default", "-n", namespace, "--timeout=30s")
        yield pack
    finally:
        pack.close()
        kubectl("delete", "namespace", *spaces, "--wait=false", "--ignore-not-found")
        kubectl("delete", "clusterrolebinding", entry.account, "--ignore-not-found")
        kubectl("delete", "-k", entry.folder, "--ignore-not-found")


def a_list(*items: dict[str, Any]) -> dict[str, Any]:
    """Return several objects as one, for the stdin of kubectl."""
    return {"apiVersion": "v1", "kind": "List", "items": list(items)}


def events_on(kubectl: Kubectl, namespace: str, kind: str, name: str) -> list[dict[str, Any]]:
    """The Events about an object, the oldest first."""
    about = f"involvedObject.kind={kind},involvedObject.name={name}"
    command = ("get", "events", "-n", namespace, f"--field-selector={about}", "--output=json")
    return json.loads(kubectl(*command, "--sort-by=.metadata.creationTimestamp").stdout)["items"]
