"""What lies in test/ for everyone to try, read as the function reads it."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from function_process import ROOT

from function.alerts import Notification, read_notification
from function.definitions import definition_name, read_definition
from function.jobs import Job, build_job
from function.local.rules import check_job

README = (ROOT / "test" / "README.md").read_text()
FILES = sorted(path.name for path in (ROOT / "test").glob("*.json"))
DEFINITION = yaml.safe_load((ROOT / "test/definition.yaml").read_text())


def content(name: str) -> Any:
    return json.loads((ROOT / "test" / name).read_text())


def read(name: str) -> Notification:
    """Return the notification in a file, sent as test/README.md sends it."""
    kind = "application/cloudevents+json" if name == "cloudevent.json" else "application/json"
    return read_notification({"content-type": kind}, (ROOT / "test" / name).read_bytes())


def told(notification: Notification) -> list[tuple[str, str, str]]:
    return [(alert.name, alert.status, alert.labels["namespace"]) for alert in notification.alerts]


class TestNotifications:
    def test_alerts_json_mixes_firing_resolved_and_undefined(self) -> None:
        notification = read("alerts.json")

        assert told(notification) == [
            ("KubeQuotaAlmostFull", "firing", "shop"),
            ("KubeQuotaAlmostFull", "firing", "payments"),
            ("KubeQuotaAlmostFull", "resolved", "search"),
            ("CPUThrottlingHigh", "firing", "shop"),
        ]
        assert notification.details["notification_reason"] == "some alerts resolved"
        assert notification.details["routeLabels"]

    def test_resolved_json_ends_the_episodes_that_fire_in_alerts_json(self) -> None:
        firing = read("alerts.json").alerts[:2]
        resolved = read("resolved.json").alerts

        assert {alert.status for alert in resolved} == {"resolved"}
        for attribute in "labels", "starts_at", "fingerprint":
            assert [getattr(alert, attribute) for alert in resolved] == [
                getattr(alert, attribute) for alert in firing
            ]

    def test_legacy_json_has_the_old_form(self) -> None:
        notification = read("legacy.json")

        assert [alert.status for alert in notification.alerts] == ["firing", "firing"]
        for alert in notification.alerts:
            assert "EndsAt" in alert.source
            assert not {"status", "fingerprint", "endsAt"} & set(alert.source)

    def test_cloudevent_json_is_an_event_with_one_firing_alert(self) -> None:
        notification = read("cloudevent.json")

        assert notification.is_event
        assert told(notification) == [("KubeQuotaAlmostFull", "firing", "docs")]
        assert content("cloudevent.json")["type"] == "io.prometheus.alertmanager.firing"

    @pytest.mark.parametrize("name", FILES)
    def test_what_is_said_to_be_common_is(self, name: str) -> None:
        whole = content(name)
        message = whole.get("data", whole)

        for common, each in ("commonLabels", "labels"), ("commonAnnotations", "annotations"):
            items = [set(alert[each].items()) for alert in message["alerts"]]
            assert set(message[common].items()) == set.intersection(*items)
        assert message["groupLabels"].items() <= message["commonLabels"].items()

    @pytest.mark.parametrize("name", ["alerts.json", "resolved.json", "cloudevent.json"])
    def test_every_alert_has_a_fingerprint_of_its_own(self, name: str) -> None:
        fingerprints = [alert.fingerprint for alert in read(name).alerts]

        assert all(re.fullmatch("[0-9a-f]{16}", each) for each in fingerprints)
        assert len(set(fingerprints)) == len(fingerprints)


class TestReadme:
    def test_every_file_that_a_command_names_exists(self) -> None:
        named = re.findall(r"(?:-d @|--file )(\S+)", README)

        assert named
        assert not [path for path in named if not (ROOT / path).is_file()]

    @pytest.mark.parametrize("name", FILES)
    def test_every_file_has_its_commands(self, name: str) -> None:
        section = README.partition(f"\n## {name}\n")[2].partition("\n## ")[0]

        assert f"-d @./test/{name} http://localhost:8080/" in section
        assert "\nfunc invoke " in section


class TestSampleDefinition:
    def test_it_is_the_one_that_the_alerts_look_for(self) -> None:
        names = [definition_name(alert) for alert in read("alerts.json").alerts]

        assert [name == DEFINITION["metadata"]["name"] for name in names] == [
            True,
            True,
            False,
            False,
        ]

    def test_its_job_is_taken_without_a_remark(self) -> None:
        job, warnings = a_job()

        assert warnings == []
        assert check_job(job) == []

    def test_it_says_itself_what_would_be_filled_in(self) -> None:
        spec = a_job()[0]["spec"]

        assert spec["ttlSecondsAfterFinished"] == 24 * 60 * 60
        assert spec["activeDeadlineSeconds"] == 600
        assert spec["template"]["spec"]["automountServiceAccountToken"] is False

    def test_its_script_reports_what_the_alert_carries(self, tmp_path: Path) -> None:
        report = run_script(tmp_path)

        assert "namespace: shop\n" in report
        assert "quota:     compute\n" in report
        assert "resource:  requests.cpu\n" in report
        assert json.loads(report.splitlines()[-1])["notification"]["receiver"] == "openfero"

    def test_a_hostile_label_stays_text_in_its_script(self, tmp_path: Path) -> None:
        hostile = "'; touch spoilt; \"$(touch spoilt)` touch spoilt`"

        assert f"namespace: {hostile}\n" in run_script(tmp_path, OPENFERO_NAMESPACE=hostile)
        assert not (tmp_path / "spoilt").exists()


def a_job() -> tuple[Job, list[str]]:
    """Return the Job for the first alert of alerts.json, and the warnings about it."""
    notification = read("alerts.json")
    alert = notification.alerts[0]
    definition = read_definition(DEFINITION, alert)
    return build_job(definition, alert, notification, "openfero-jobs")


def run_script(folder: Path, **variables: str) -> str:
    """Run what the container would run, with its variables and its file; return its output."""
    template = a_job()[0]["spec"]["template"]
    (container,) = template["spec"]["containers"]
    file = folder / "alert.json"
    file.write_text(template["metadata"]["annotations"]["openfero.io/alert"])
    environ = {each["name"]: each["value"] for each in container["env"]}
    environ |= {"OPENFERO_ALERT_FILE": str(file), "PATH": "/usr/bin:/bin", **variables}
    command = [*container["command"], *container["args"]]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
