"""What is shipped for Alertmanager: its own tool takes it, and it brings alerts to the function."""

import copy
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import alertmanagers
import crds
import pytest
import yaml
from alertmanagers import QUICK
from chain import need_release, outcomes, write_token
from conftest import Define
from function_process import running
from kube import Kube
from kubectl import BASE, Kubectl
from make import a_body
from waiting import until

from function import jobs, webhook
from function.alerts import read_notification

FOLDER = BASE / "alertmanager"
FILE = FOLDER / "alertmanager.yml"
FOR_A_BROKER = FOLDER / "alertmanager-broker.yml"
FOR_THE_OPERATOR = FOLDER / "alertmanagerconfig.yaml"
FOR_HELM = FOLDER / "values.yaml"


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def chart() -> Any:
    return load(FOR_HELM)["alertmanager"]


CONFIGURATIONS = {
    "alertmanager.yml": load(FILE),
    "alertmanager-broker.yml": load(FOR_A_BROKER),
    "values.yaml": chart()["config"],
}
"""What an Alertmanager gets to read."""

# http_headers came with Alertmanager 0.28.
TAKEN_BY = [
    ("packaged", "alertmanager.yml"),
    ("packaged", "values.yaml"),
    *(("newer", name) for name in CONFIGURATIONS),
]


def amtool(which: str, folder: Path, content: Any, *arguments: str) -> Any:
    """Run one command of amtool about a configuration."""
    path = folder / "alertmanager.yml"
    path.write_text(yaml.safe_dump(content))
    command = [need_release(which).amtool, *(each.replace("FILE", str(path)) for each in arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize(("which", "name"), TAKEN_BY)
def test_a_configuration_is_taken(tmp_path: Path, which: str, name: str) -> None:
    checked = amtool(which, tmp_path, CONFIGURATIONS[name], "check-config", "FILE")

    assert checked.returncode == 0, checked


@pytest.mark.parametrize(("which", "name"), TAKEN_BY)
def test_a_slip_in_it_is_refused(tmp_path: Path, which: str, name: str) -> None:
    slip = copy.deepcopy(CONFIGURATIONS[name])
    webhook_of(slip)["max_alert"] = webhook_of(slip).pop("max_alerts")

    checked = amtool(which, tmp_path, slip, "check-config", "FILE")

    assert "field max_alert not found" in checked.stdout + checked.stderr
    assert checked.returncode != 0


def test_events_for_a_broker_need_a_newer_alertmanager(tmp_path: Path) -> None:
    content = CONFIGURATIONS["alertmanager-broker.yml"]

    checked = amtool("packaged", tmp_path, content, "check-config", "FILE")

    if tuple(map(int, need_release("packaged").version.split(".")[:2])) >= (0, 28):
        pytest.skip("needs an Alertmanager before 0.28, such as that of Debian 12")
    assert "field http_headers not found" in checked.stdout + checked.stderr


def webhook_of(content: Any) -> Any:
    [found] = [each for each in content["receivers"] if each["name"] == "openfero"]
    [config] = found["webhook_configs"]
    return config


# Who is told of an alert.

ALERTS = {
    ("alertname=OpenferoTest",): "openfero,people",
    ("alertname=KubeQuotaAlmostFull", "namespace=shop", "severity=info"): "openfero,people",
    ("severity=critical",): "openfero,people",
    ("alertname=InfoInhibitor",): "people",
    ("alertname=WatchdogIsGone",): "openfero,people",
}


def receivers(folder: Path, content: Any, *labels: str) -> str:
    """Return the receivers of an alert with these labels, as amtool writes them."""
    asked = ("config", "routes", "test", "--config.file=FILE", *labels)
    told: str = amtool("packaged", folder, content, *asked).stdout.strip()
    return told


@pytest.mark.parametrize("name", ["alertmanager.yml", "values.yaml"])
@pytest.mark.parametrize(("labels", "told"), ALERTS.items(), ids=map(" ".join, ALERTS))
def test_the_function_is_told_of_every_alert_and_so_are_people(
    tmp_path: Path, name: str, labels: tuple[str, ...], told: str
) -> None:
    assert receivers(tmp_path, CONFIGURATIONS[name], *labels) == told


@pytest.mark.parametrize(
    ("name", "told"), [("alertmanager.yml", "people"), ("values.yaml", "null")]
)
def test_the_function_sleeps_through_the_alert_that_always_fires(
    tmp_path: Path, name: str, told: str
) -> None:
    assert receivers(tmp_path, CONFIGURATIONS[name], "alertname=Watchdog") == told


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_without_the_last_route_people_would_not_be_told(tmp_path: Path, name: str) -> None:
    """`continue` leads to the next routes, never to the receiver at the top."""
    content = copy.deepcopy(CONFIGURATIONS[name])
    del webhook_of(content)["http_config"]
    assert receivers(tmp_path, content, "alertname=OpenferoTest") == "openfero,people"

    content["route"]["routes"].pop()

    assert content["route"]["receiver"] == "people"
    assert receivers(tmp_path, content, "alertname=OpenferoTest") == "openfero"


# What they say.


def route_of(content: Any) -> Any:
    [found] = [each for each in content["route"]["routes"] if each["receiver"] == "openfero"]
    return found


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_route_is_the_same_in_all(name: str) -> None:
    assert route_of(CONFIGURATIONS[name]) == route_of(CONFIGURATIONS["alertmanager.yml"])


def test_the_receiver_is_the_same_without_a_broker() -> None:
    assert webhook_of(chart()["config"]) == webhook_of(load(FILE))


def test_the_receiver_for_a_broker_differs_in_its_address_and_by_headers_in_place_of_a_token() -> (
    None
):
    one, other = (
        copy.deepcopy(webhook_of(load(FILE))),
        copy.deepcopy(webhook_of(load(FOR_A_BROKER))),
    )

    del one["url"], other["url"]
    del one["http_config"]["authorization"], other["http_config"]["http_headers"]

    assert one == other


def test_the_object_for_the_operator_says_the_same() -> None:
    spec = load(FOR_THE_OPERATOR)["spec"]
    route, receiver = route_of(load(FILE)), webhook_of(load(FILE))
    [matcher] = spec["route"].pop("matchers")
    [webhook_config] = spec["receivers"][0]["webhookConfigs"]
    http = webhook_config.pop("httpConfig")

    written = f'{matcher["name"]}{matcher["matchType"]}"{matcher["value"]}"'
    assert [written] == route.pop("matchers")
    # The operator adds it.
    del route["continue"]
    assert snake(spec["route"]) == route
    assert http.pop("authorization")["credentials"] == {"name": "openfero-token", "key": "token"}
    del receiver["http_config"]["authorization"]
    assert snake({**webhook_config, "httpConfig": snake(http)}) == receiver


def snake(fields: dict[str, Any]) -> dict[str, Any]:
    return {re.sub("([A-Z])", r"_\1", name).lower(): value for name, value in fields.items()}


def test_it_posts_to_the_service_where_the_function_takes_alerts() -> None:
    metadata = load(BASE / "service.yaml")["metadata"]
    host = f"{metadata['name']}.{metadata['namespace']}.svc.cluster.local"

    url = webhook_of(load(FILE))["url"]

    assert url in {f"http://{host}{path}" for path in webhook.PATHS}


def test_it_posts_to_the_broker_what_its_trigger_lets_through() -> None:
    component = BASE / "components" / "broker"
    broker = load(component / "broker.yaml")["metadata"]
    [lets_through] = load(component / "trigger.yaml")["spec"]["filters"]
    config = webhook_of(load(FOR_A_BROKER))
    [event_type] = config["http_config"]["http_headers"]["Ce-Type"]["values"]

    host = "broker-ingress.knative-eventing.svc.cluster.local"
    assert config["url"] == f"http://{host}/{broker['namespace']}/{broker['name']}"
    assert event_type.startswith(lets_through["prefix"]["type"])


def test_what_it_posts_to_the_broker_is_an_event_for_the_function() -> None:
    headers = webhook_of(load(FOR_A_BROKER))["http_config"]["http_headers"]
    posted = {name.lower(): values["values"][0] for name, values in headers.items()}

    notification = read_notification({"content-type": "application/json", **posted}, a_body())

    assert notification.is_event


def test_the_chart_mounts_the_token_where_it_is_read() -> None:
    [secret] = chart()["alertmanagerSpec"]["secrets"]

    file = webhook_of(chart()["config"])["http_config"]["authorization"]["credentials_file"]

    assert file == f"/etc/alertmanager/secrets/{secret}/token"


def seconds(text: str) -> int:
    unit = {"s": 1, "m": 60, "h": 3600}[text[-1]]
    return int(text[:-1]) * unit


def test_its_times_fit_those_of_the_function() -> None:
    route = route_of(load(FILE))
    annotations = load(BASE / "service.yaml")["spec"]["template"]["metadata"]["annotations"]
    retention = annotations["autoscaling.knative.dev/scale-to-zero-pod-retention-period"]

    # An answer, with a cold start, fits in twice; a pod is still there at the next flush; and a
    # Job outlives the repeats.
    assert 2 * webhook.SECONDS < seconds(route["group_interval"]) < seconds(retention)
    assert seconds(route["repeat_interval"]) < jobs.DAY


# What becomes of it.


@pytest.mark.parametrize(("which", "name"), TAKEN_BY)
def test_an_alertmanager_that_reads_it_gets_an_alert_its_job(
    door: str,
    which: str,
    name: str,
    tmp_path: Path,
    kubeconfig: Path,
    kube: Kube,
    define: Define,
    alertname: str,
) -> None:
    """With another address, the token's file where it is here, and without its waiting."""
    release, content = need_release(which), copy.deepcopy(CONFIGURATIONS[name])
    route_of(content).update(QUICK)
    config, settings = webhook_of(content), {}
    if authorization := config["http_config"].get("authorization"):
        settings["OPENFERO_TOKEN_FILE"] = str(write_token(tmp_path))
        authorization["credentials_file"] = settings["OPENFERO_TOKEN_FILE"]
    definition = define(alertname)

    with running(door, tmp_path / "log", kubeconfig, **settings) as function:
        config["url"] = f"{function.url}/alerts"
        with alertmanagers.running(release, tmp_path / "alertmanager", content) as alertmanager:
            alertmanager.fire({"alertname": alertname, "namespace": "shop"})
            until(lambda: outcomes(function, alertname), "the alert is settled")
            assert alertmanager.failures() == 0

    assert outcomes(function, alertname) == ["created"]
    assert len(kube.jobs(definition)) == 1


# The operator's resource, on a real API server.


@pytest.fixture(scope="module")
def kubectl(needs_control_plane: None, kubeconfig: Path, folder: Path) -> Iterator[Kubectl]:
    kubectl = Kubectl(kubeconfig, folder)
    with crds.applied(kubectl, crds.ALERTMANAGER_CONFIG):
        kubectl("create", "namespace", "monitoring")
        yield kubectl
        kubectl("delete", "namespace", "monitoring")


def test_the_object_for_the_operator_is_taken_strictly(kubectl: Kubectl) -> None:
    kubectl("apply", "--validate=strict", "-f", FOR_THE_OPERATOR)

    assert kubectl("diff", "-f", FOR_THE_OPERATOR).stdout == ""


@pytest.mark.parametrize(
    ("right", "wrong", "why"),
    [
        (
            "maxAlerts",
            "max_alerts",
            'unknown field "spec.receivers[0].webhookConfigs[0].max_alerts"',
        ),
        ("groupBy", "group_by", 'unknown field "spec.route.group_by"'),
        ('"!~"', '"~"', 'Unsupported value: "~"'),
        ("groupInterval: 5m", "groupInterval: 5", "spec.route.groupInterval"),
    ],
)
def test_a_slip_in_it_is_refused_by_the_api_server(
    kubectl: Kubectl, right: str, wrong: str, why: str
) -> None:
    text = FOR_THE_OPERATOR.read_text()
    assert text.count(right) == 1

    refused = kubectl(
        *("create", "--validate=strict", "--dry-run=server", "-f", "-"),
        stdin=text.replace(right, wrong),
        check=False,
    )

    assert why in refused.stderr
