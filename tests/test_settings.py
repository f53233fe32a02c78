"""What the deployment decides, and that nothing that cannot be meant is taken."""

import pytest

from function.errors import BadSettings
from function.settings import Settings


def bad(**environ: str) -> str:
    with pytest.raises(BadSettings) as caught:
        Settings.from_environ(environ)
    return str(caught.value)


def test_an_empty_environment_gives_the_defaults():
    assert Settings.from_environ({}) == Settings(
        jobs_namespace="", strict=False, token_file="", log_level="INFO", kubeconfig=""
    )


def test_each_setting_has_its_variable():
    environ = {
        "OPENFERO_JOBS_NAMESPACE": "openfero-jobs",
        "OPENFERO_STRICT": "true",
        "OPENFERO_TOKEN_FILE": "/etc/token/token",
        "OPENFERO_LOG_LEVEL": "ERROR",
        "KUBECONFIG": "/home/me/.kube/config",
    }

    assert Settings.from_environ(environ) == Settings(
        jobs_namespace="openfero-jobs",
        strict=True,
        token_file="/etc/token/token",
        log_level="ERROR",
        kubeconfig="/home/me/.kube/config",
    )


def test_variables_of_others_do_no_harm():
    assert Settings.from_environ({"PORT": "8080", "NAMESPACE": "x", "STRICT": "1"}) == Settings()


@pytest.mark.parametrize(
    "name",
    [
        "OPENFERO_JOBS_NAMESPACE",
        "OPENFERO_STRICT",
        "OPENFERO_LOG_LEVEL",
        "KUBECONFIG",
    ],
)
def test_an_empty_variable_is_as_good_as_none(name):
    assert Settings.from_environ({name: ""}) == Settings()


def test_a_token_file_that_is_set_but_empty_ends_the_start():
    assert bad(OPENFERO_TOKEN_FILE="") == (
        "OPENFERO_TOKEN_FILE is empty, which would let everyone in: unset it"
    )


@pytest.mark.parametrize("name", ["OPENFERO_TOKENFILE", "OPENFERO_STRIKT", "OPENFERO_MODES"])
def test_a_setting_that_there_is_not_ends_the_start(name):
    assert bad(**{name: "x"}).startswith(f"{name} is no setting; there are OPENFERO_")


@pytest.mark.parametrize(
    "name",
    [
        "OPENFERO_PORT",
        "OPENFERO_PORT_80_TCP_ADDR",
        "OPENFERO_SERVICE_HOST",
        "OPENFERO_SERVICE_PORT_HTTP",
        "OPENFERO_00001_PRIVATE_SERVICE_HOST",
    ],
)
def test_what_kubernetes_tells_of_a_service_of_that_name_does_no_harm(name):
    assert Settings.from_environ({name: "10.0.0.1"}) == Settings()


# The namespace


@pytest.mark.parametrize("name", ["a", "0", "openfero-jobs", "a" * 63])
def test_the_name_of_a_namespace_is_taken(name):
    assert Settings.from_environ({"OPENFERO_JOBS_NAMESPACE": name}).jobs_namespace == name


@pytest.mark.parametrize(
    "name",
    ["Jobs", "-a", "a-", "a.b", "a/b", "../x", "a b", "a\n", " ", "jöbs", "a" * 64, "\u212a"],
    ids=ascii,
)
def test_what_is_no_name_of_a_namespace_ends_the_start(name):
    assert bad(OPENFERO_JOBS_NAMESPACE=name) == (
        f"OPENFERO_JOBS_NAMESPACE is {name!r}: not the name of a namespace"
    )


# The switch


@pytest.mark.parametrize("text", ["true", "TRUE", "True"])
def test_a_switch_can_be_on(text):
    assert Settings.from_environ({"OPENFERO_STRICT": text}).strict is True


@pytest.mark.parametrize("text", ["false", "False", ""])
def test_a_switch_can_be_off(text):
    assert Settings.from_environ({"OPENFERO_STRICT": text}).strict is False


@pytest.mark.parametrize("text", ["yes", "on", "ture", " true", "1", "0", "null"])
def test_a_switch_that_is_neither_ends_the_start(text):
    assert bad(OPENFERO_STRICT=text) == f"OPENFERO_STRICT is {text!r}: must be true or false"


# The mode


@pytest.mark.parametrize("text", ["run", "Approve", "AUDIT"])
def test_a_mode_is_taken_in_any_case(text):
    assert Settings.from_environ({"OPENFERO_MODE": text}).mode == text.lower()


@pytest.mark.parametrize("text", ["dry-run", " run", "approve,audit"])
def test_any_other_mode_ends_the_start(text):
    assert (
        bad(OPENFERO_MODE=text) == f"OPENFERO_MODE is {text!r}: must be one of run, approve, audit"
    )


# The log level


@pytest.mark.parametrize("text", ["info", "Warning", "ERROR"])
def test_a_log_level_is_taken_in_any_case(text):
    assert Settings.from_environ({"OPENFERO_LOG_LEVEL": text}).log_level == text.upper()


@pytest.mark.parametrize("text", ["DEBUG", "WARN", "20", " INFO", "NOTSET"])
def test_a_log_level_that_is_none_ends_the_start(text):
    assert bad(OPENFERO_LOG_LEVEL=text) == (
        f"OPENFERO_LOG_LEVEL is {text!r}: must be one of INFO, WARNING, ERROR"
    )


@pytest.mark.parametrize(
    "environ",
    [
        {"OPENFERO_JOBS_NAMESPACE": "a\nb"},
        {"OPENFERO_STRICT": "a\nb"},
        {"OPENFERO_LOG_LEVEL": "a\nb"},
    ],
    ids=lambda environ: next(iter(environ)),
)
def test_what_ends_the_start_is_said_in_one_line(environ):
    assert "\n" not in bad(**environ)
