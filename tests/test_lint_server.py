"""`--server`: what only a cluster knows of a definition, asked of one, and changed nowhere.

The embedded API knows no accounts and no Secrets: what a real one answers about them is then
played at the wire.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import own_cluster
import pytest
import yaml
from conftest import NAMESPACE, Define, write_kubeconfig
from function_process import FunctionProcess, free_port
from kube import Kube
from make import a_config_map, a_container, a_manifest, rails
from proxy import QUOTA_CONFLICT, Answer, Fault, FaultProxy, Request, always, status
from wire import post

from function.tools.clusters import PersonsCluster, connect
from function.tools.documents import Document, Text, read_documents
from function.tools.findings import Finding, Unusable
from function.tools.lint.codes import ERRORS, WARNINGS
from function.tools.lint.needs import Need, needs
from function.tools.lint.on_server import check_on_server
from function.tools.new import new_definition

NAME = "openfero-poddown-firing"
HUSH = "c2VjcmV0LXRoYXQtbm9ib2R5LXNob3VsZC1zZWU="


@pytest.fixture
def cluster(proxy_kubeconfig: Path, kube: Kube, monkeypatch: pytest.MonkeyPatch) -> PersonsCluster:
    monkeypatch.setenv("KUBECONFIG", str(proxy_kubeconfig))
    return connect(kube.namespace)


@pytest.fixture
def may_use_any_namespace(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--api") == "real" and own_cluster.given():
        pytest.skip("needs the right to create in any namespace: not your own cluster")


def read(text: str) -> list[Document]:
    """Return the objects of a text, each at its lines of it."""
    parts = re.split(r"^---\n", text, flags=re.MULTILINE)
    lines = [1 + text[: text.index(part)].count("\n") for part in parts]
    return [
        document
        for part, line in zip(parts, lines, strict=True)
        for document in read_documents(Text("poddown.yaml", part, line))
    ]


def written(manifest: dict[str, Any], namespace: str = "", **annotations: str) -> str:
    """Return a definition as its author writes it, the manifest in a literal block."""
    config_map = a_config_map({}, name=NAME, annotations=rails(**annotations))
    metadata = {"name": NAME, "annotations": config_map["metadata"]["annotations"]}
    head = {**config_map, "metadata": metadata | ({"namespace": namespace} if namespace else {})}
    del head["data"]
    text = yaml.safe_dump(manifest, sort_keys=False)
    return f"{yaml.safe_dump(head)}data:\n  PodDown: |\n" + "".join(
        f"    {line}\n" for line in text.splitlines()
    )


def check(cluster: PersonsCluster, text: str) -> list[Finding]:
    return check_on_server(read(text), cluster)


def said(found: list[Finding], text: str) -> list[tuple[str, str]]:
    """Return the code of each finding, and the line that it points to."""
    lines = text.splitlines()
    return [(each.code, lines[each.place.line - 1].strip("- ")) for each in found]


# The verdict.


def test_a_correct_definition_has_no_findings(cluster: PersonsCluster) -> None:
    assert check(cluster, written(a_manifest())) == []


@pytest.mark.parametrize("alertname", ["PodDown", "Disk Full%", "node.down"])
@pytest.mark.parametrize("status", ["firing", "resolved"])
def test_what_openfero_new_writes_has_none(
    cluster: PersonsCluster, alertname: str, status: str
) -> None:
    assert check(cluster, new_definition(alertname, status, cluster.namespace)) == []


def test_what_the_api_server_refuses_is_an_error_in_its_words_where_it_points_to(
    cluster: PersonsCluster,
) -> None:
    text = written(a_manifest({"restartPolicy": "Always"}))

    found = check(cluster, text)

    assert said(found, text) == [("server", "restartPolicy: Always")]
    assert "refuses the job: spec.template.spec.restartPolicy:" in found[0].message
    assert found[0].code in ERRORS


def test_a_refusal_of_a_variable_points_to_the_variables(cluster: PersonsCluster) -> None:
    """Its number is not the author's: ours stand before it."""
    env = [{"name": "a=b", "value": "1"}, *({"name": f"A{each}"} for each in range(20))]
    text = written(a_manifest({"containers": [a_container(env=env)]}))

    assert said(check(cluster, text), text) == [("server", "env:")]


def test_what_the_api_server_drops_is_a_warning_where_it_stands(cluster: PersonsCluster) -> None:
    manifest = a_manifest()
    manifest["spec"]["template"]["labels"] = {"app": "repair"}
    text = written(manifest)

    found = check(cluster, text)

    assert said(found, text) == [("server-warning", "labels:")]
    assert found[0].message == 'unknown field "spec.template.labels"'
    assert found[0].code in WARNINGS


def test_all_definitions_are_judged_each_in_its_lines(cluster: PersonsCluster) -> None:
    wrong = a_manifest({"restartPolicy": "Always"})
    other = written(wrong).replace(NAME, "openfero-poddown-resolved")
    text = f"# Two.\n{written(wrong)}---\n{other}"

    found = check(cluster, text)

    assert said(found, text) == [("server", "restartPolicy: Always")] * 2
    assert len({each.place for each in found}) == 2


def test_the_api_server_is_asked_in_a_dry_run_and_nothing_is_kept(
    cluster: PersonsCluster, proxy: FaultProxy, kube: Kube
) -> None:
    proxy.requests.clear()

    check(cluster, written(a_manifest()))

    writes = [each for each in proxy.requests if each.method != "GET"]
    assert [each.path for each in writes] == [
        f"/apis/batch/v1/namespaces/{kube.namespace}/jobs?fieldValidation=Warn&dryRun=All"
    ]
    assert kube.jobs(NAME) == []


@pytest.mark.parametrize("annotations", [{}, {"mode": "approve", "subject": "pod"}])
def test_the_job_that_is_judged_is_the_one_that_a_running_function_creates(
    cluster: PersonsCluster,
    proxy: FaultProxy,
    proxied: FunctionProcess,
    define: Define,
    alertname: str,
    annotations: dict[str, str],
) -> None:
    """The very notification is posted of which the Job that was judged tells."""
    name = define(alertname, annotations=rails(**annotations), manifest=a_manifest())
    text = written(a_manifest(), **annotations)
    proxy.requests.clear()
    check(cluster, text.replace(NAME, name).replace("PodDown", alertname))
    [judged] = [json.loads(each.body) for each in proxy.requests if each.is_create]
    alert = json.loads(judged["spec"]["template"]["metadata"]["annotations"]["openfero.io/alert"])
    details = alert.pop("notification")
    proxy.requests.clear()

    answer = post(proxied.url, {"version": "4", "alerts": [alert], **details})

    assert answer.words == ["created"]
    [created] = [json.loads(each.body) for each in proxy.requests if each.is_create]
    assert created == judged


def test_a_definition_for_alerts_with_certain_labels_is_judged_for_one_that_has_them(
    cluster: PersonsCluster, proxy: FaultProxy
) -> None:
    proxy.requests.clear()

    check(cluster, written(a_manifest(), match='severity="critical"', subject="namespace"))

    [judged] = [json.loads(each.body) for each in proxy.requests if each.is_create]
    told = {
        each["name"]: each["value"]
        for each in judged["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    assert told["OPENFERO_ALERTNAME"] == "PodDown"
    assert told["OPENFERO_SEVERITY"] == "critical"
    assert told["OPENFERO_NAMESPACE"]


# What cannot be asked.


def test_a_person_who_may_not_create_jobs_is_told_that_there_is_no_verdict(
    cluster: PersonsCluster, proxy: FaultProxy
) -> None:
    words = 'jobs.batch is forbidden: User "jo" cannot create resource "jobs"'
    rule = always(status(403, "Forbidden", words), lambda each: each.is_create)
    with proxy.playing(rule):
        [found] = check(cluster, written(a_manifest()))

    assert found.code == "not-checked"
    assert words in found.message


def test_a_quota_that_is_full_now_is_a_warning(cluster: PersonsCluster, proxy: FaultProxy) -> None:
    full = status(403, "Forbidden", "exceeded quota: q", kind="jobs")
    with proxy.playing(always(full, lambda each: each.is_create)):
        [found] = check(cluster, written(a_manifest()))

    assert found.code == "server-warning"
    assert "exceeded quota: q" in found.message


def test_a_quota_that_others_write_is_asked_again(
    cluster: PersonsCluster, proxy: FaultProxy
) -> None:
    conflicts = [QUOTA_CONFLICT]
    rule = lambda each: conflicts.pop() if conflicts and each.is_create else None  # noqa: E731
    with proxy.playing(rule):
        assert check(cluster, written(a_manifest())) == []


@pytest.mark.usefixtures("may_use_any_namespace")
def test_a_namespace_that_is_not_there_is_said_once_and_clearly(cluster: PersonsCluster) -> None:
    manifest = a_manifest({"serviceAccountName": "repair"})
    text = written(manifest, namespace="openfero-nowhere")

    found = check(cluster, text)

    assert said(found, text) == [("missing-object", "namespace: openfero-nowhere")]
    assert "there is no namespace openfero-nowhere in the cluster http" in found[0].message
    assert "create it, or choose another context" in found[0].message


@pytest.mark.usefixtures("may_use_any_namespace")
def test_a_namespace_that_is_about_to_be_applied_is_to_be_asked_about_again(
    cluster: PersonsCluster,
) -> None:
    namespace = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: openfero-nowhere\n---\n"
    text = namespace + written(a_manifest(), namespace="openfero-nowhere")

    [found] = check(cluster, text)

    assert found.code == "not-checked"
    assert "apply it, then ask again" in found.message


@pytest.mark.parametrize(
    "text",
    [
        "kind: ConfigMap\napiVersion: v1\nmetadata: {name: settings}\ndata: {a: b}",
        "kind: Deployment\napiVersion: apps/v1\nmetadata: {name: openfero-poddown-firing}",
        "kind: ConfigMap\napiVersion: v1\nmetadata: {name: openfero-poddown-firing}",
        "kind: ConfigMap\nmetadata: {name: openfero-poddown-firing}\ndata: [PodDown]",
        "kind: ConfigMap\nmetadata: {name: openfero-poddown-firing}\ndata: {PodDown: 1}",
        "kind: ConfigMap\nmetadata: {name: openfero-poddown-firing, annotations: [a]}",
        "kind: ConfigMap\nmetadata: [openfero-poddown-firing]",
        "kind: ConfigMap\nmetadata: {name: openfero-poddown-firing, namespace: '../a'}",
        "kind: ConfigMap\nmetadata: {name: openfero-poddown-firing}\ndata: {PodDown: '{'}",
    ],
)
def test_what_no_job_can_be_made_of_is_left_to_the_other_rules(
    cluster: PersonsCluster, proxy: FaultProxy, text: str
) -> None:
    proxy.requests.clear()

    assert check(cluster, text) == []
    assert proxy.requests == []


# What the Job needs.

POD = {
    "an account": ({"serviceAccountName": "a"}, "ServiceAccount", "serviceAccountName: a"),
    "an account by its old name": ({"serviceAccount": "a"}, "ServiceAccount", "serviceAccount: a"),
    "a secret for a registry": ({"imagePullSecrets": [{"name": "a"}]}, "Secret", "name: a"),
    "a volume of a secret": (
        {"volumes": [{"name": "v", "secret": {"secretName": "a"}}]},
        "Secret",
        "secretName: a",
    ),
    "a volume of a config map": (
        {"volumes": [{"name": "v", "configMap": {"name": "a"}}]},
        "ConfigMap",
        "name: a",
    ),
    "a projected secret": (
        {"volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "a"}}]}}]},
        "Secret",
        "name: a",
    ),
    "a projected config map": (
        {"volumes": [{"name": "v", "projected": {"sources": [{"configMap": {"name": "a"}}]}}]},
        "ConfigMap",
        "name: a",
    ),
}
CONTAINER = {
    "a variable of a secret": (
        {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "a", "key": "k"}}}]},
        "Secret",
    ),
    "a variable of a config map": (
        {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "k"}}}]},
        "ConfigMap",
    ),
    "variables of a secret": ({"envFrom": [{"secretRef": {"name": "a"}}]}, "Secret"),
    "variables of a config map": ({"envFrom": [{"configMapRef": {"name": "a"}}]}, "ConfigMap"),
}
EVERY = {
    **POD,
    **{
        f"{name} in {kind}": (
            {kind: [a_container(name="one", **fields)]},
            needed,
            "name: a",
        )
        for name, (fields, needed) in CONTAINER.items()
        for kind in ("containers", "initContainers")
    },
}


@pytest.mark.parametrize("case", EVERY)
def test_what_a_manifest_names_is_needed_unless_it_is_optional(case: str) -> None:
    pod, kind, line = EVERY[case]
    manifest = a_manifest(pod)

    [need] = needs(manifest)

    text = written(manifest)
    [document] = read(text)
    place = document.inner("data", "PodDown").at(need.path)
    assert (need.kind, need.name) == (kind, "a")
    assert text.splitlines()[place.line - 1].strip(" -") == line
    optional = json.loads(
        re.sub(r'("(?:secretName|name)": "a")', r'\1, "optional": true', json.dumps(manifest))
    )
    could_be = kind != "ServiceAccount" and "imagePullSecrets" not in pod
    assert needs(optional) == ([] if could_be else [need])


@pytest.mark.parametrize("wrong", [None, 1, "text", [], {}, [None], [1], [{"name": None}]])
def test_what_is_of_the_wrong_type_is_not_needed(wrong: Any) -> None:
    for field in ("volumes", "containers", "initContainers", "imagePullSecrets", "serviceAccount"):
        found = needs({"spec": {"template": {"spec": {field: wrong}}}})

        assert found == ([Need("ServiceAccount", "text", found[0].path)] if found else [])
    for value in ({"spec": wrong}, {"spec": {"template": wrong}}):
        assert needs(value) == []


def about(kind: str, name: str) -> Callable[[Request], bool]:
    """Say whether a request looks for that object."""
    plural = f"{kind.lower()}s"
    return lambda each: each.method == "GET" and each.path.endswith(f"/{plural}/{quote(name)}")


def not_found(kind: str, name: str) -> Answer:
    plural = f"{kind.lower()}s"
    return status(404, "NotFound", f'{plural} "{name}" not found', name=name, kind=plural)


def an_object(kind: str, name: str) -> Answer:
    content = {"kind": kind, "metadata": {"name": name}, "data": {"password": HUSH}}
    return Answer(200, json.dumps(content).encode())


def playing_without(request: pytest.FixtureRequest, kind: str, name: str) -> Fault | None:
    """What a real API server says by itself."""
    is_real = request.config.getoption("--api") == "real"
    return None if is_real or kind == "ConfigMap" else not_found(kind, name)


@pytest.mark.parametrize(
    "case", ["an account", "a secret for a registry", "a volume of a config map"]
)
def test_what_is_not_there_is_an_error_where_it_is_named(
    cluster: PersonsCluster, proxy: FaultProxy, request: pytest.FixtureRequest, case: str
) -> None:
    pod, kind, line = EVERY[case]
    text = written(a_manifest(pod))
    answer = playing_without(request, kind, "a")
    with proxy.playing(lambda each: answer if about(kind, "a")(each) else None):
        found = check(cluster, text)

    assert said(found, text) == [("missing-object", line)]
    told = f"the {kind} a is not in the namespace {cluster.namespace}: "
    assert found[0].message.startswith(told)


@pytest.mark.parametrize("kind", ["ServiceAccount", "Secret", "ConfigMap"])
def test_what_is_there_is_no_finding_and_is_asked_for_once(
    cluster: PersonsCluster, proxy: FaultProxy, kind: str
) -> None:
    pods = {each[1]: each[0] for each in POD.values()}
    text = written(a_manifest(pods[kind]))
    text += f"---\n{text.replace(NAME, 'openfero-poddown-resolved')}"
    proxy.requests.clear()
    with proxy.playing(always(an_object(kind, "a"), about(kind, "a"))):
        assert check(cluster, text) == []

    assert len([each for each in proxy.requests if about(kind, "a")(each)]) == 1


@pytest.mark.parametrize("kind", ["ServiceAccount", "Secret"])
def test_a_real_api_server_says_whether_it_is_there(
    cluster: PersonsCluster, kube: Kube, request: pytest.FixtureRequest, kind: str
) -> None:
    if request.config.getoption("--api") != "real":
        pytest.skip("needs an API server that knows accounts and Secrets: --api=real")
    path = f"/api/v1/namespaces/{kube.namespace}/{kind.lower()}s"
    assert not cluster.has(kind, "there")
    kube.text("POST", path, {"kind": kind, "apiVersion": "v1", "metadata": {"name": "there"}})

    assert cluster.has(kind, "there")

    kube.text("DELETE", f"{path}/there")


def test_what_stands_beside_it_is_about_to_be_applied(
    cluster: PersonsCluster, proxy: FaultProxy
) -> None:
    account = "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: a\n"
    text = written(a_manifest({"serviceAccountName": "a"}))
    rule = always(not_found("ServiceAccount", "a"), about("ServiceAccount", "a"))
    with proxy.playing(rule):
        beside = check(cluster, f"{account}---\n{text}")
        elsewhere = check(cluster, f"{account}  namespace: elsewhere\n---\n{text}")

    assert beside == []
    assert [each.code for each in elsewhere] == ["missing-object"]


def test_what_a_person_may_not_read_is_not_checked_and_said_so(
    cluster: PersonsCluster, proxy: FaultProxy
) -> None:
    words = 'secrets "a" is forbidden: User "jo" cannot get resource "secrets"'
    text = written(a_manifest({"imagePullSecrets": [{"name": "a"}]}))
    rule = always(status(403, "Forbidden", words, name="a", kind="secrets"), about("Secret", "a"))
    with proxy.playing(rule):
        found = check(cluster, text)

    assert said(found, text) == [("not-checked", "name: a")]
    assert found[0].message == f"whether the Secret a is there: {words}"
    assert found[0].code in WARNINGS


def test_nothing_of_a_secret_is_told(cluster: PersonsCluster, proxy: FaultProxy) -> None:
    """Not even of one that is not the one that was asked for."""
    text = written(a_manifest({"imagePullSecrets": [{"name": "a"}]}))
    with proxy.playing(always(an_object("Secret", "b"), about("Secret", "a"))):
        found = check(cluster, text)

    assert [each.code for each in found] == ["not-checked"]
    assert HUSH not in repr(found)


# Which cluster.


def test_the_cluster_is_that_of_kubeconfig_and_the_namespace_the_given_one(
    proxy_kubeconfig: Path, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(proxy_kubeconfig))

    cluster = connect("elsewhere")

    assert (cluster.host, cluster.namespace) == (proxy.url, "elsewhere")


def test_without_kubeconfig_it_is_kubectls_own_file(
    proxy: FaultProxy, kube: Kube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".kube").mkdir()
    write_kubeconfig(tmp_path / ".kube" / "config", proxy.url, kube.token)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert connect(NAMESPACE).host == proxy.url


def test_without_either_it_is_said_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    with pytest.raises(Unusable, match=r"no cluster: set KUBECONFIG, or write .*/\.kube/config"):
        connect(NAMESPACE)


def test_a_kubeconfig_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad").write_text("clusters: {")
    for name in ("bad", "none"):
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / name))

        with pytest.raises(Unusable, match=f"cannot use the kubeconfig .*/{name}: "):
            connect(NAMESPACE)


def test_an_api_server_that_is_out_of_reach_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("KUBECONFIG", str(write_kubeconfig(tmp_path / "kubeconfig", url)))

    with pytest.raises(Unusable, match=f"{url}, of .*/kubeconfig: the API server is out of reach"):
        connect(NAMESPACE)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (status(401, "Unauthorized", "Unauthorized"), "Unauthorized"),
        (Answer(404, b"<html>"), "it answered 404"),
        (Answer(200, b'{"kind": "Pod"}'), "it answered 200"),
    ],
)
def test_what_is_no_api_server_for_who_asks_is_named(
    proxy_kubeconfig: Path,
    proxy: FaultProxy,
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer,
    told: str,
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(proxy_kubeconfig))
    with proxy.playing(always(answer)), pytest.raises(Unusable, match=f"kubeconfig: {told}"):
        connect(NAMESPACE)


def test_who_may_not_ask_for_the_version_may_ask_for_the_rest(
    proxy_kubeconfig: Path, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(proxy_kubeconfig))
    hidden = status(403, "Forbidden", "forbidden")
    with proxy.playing(always(hidden, lambda each: each.path == "/version")):
        assert check(connect(NAMESPACE), written(a_manifest())) == []


def test_several_kubeconfigs_are_taken_together(
    proxy_kubeconfig: Path, proxy: FaultProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "first").write_text("{apiVersion: v1, kind: Config, current-context: test}")
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'first'}:{proxy_kubeconfig}")

    assert connect(NAMESPACE).host == proxy.url
