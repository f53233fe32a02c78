"""What the deployment decides: environment variables, as a value.

The environment comes in as a mapping, so that a test can hand in its own. A setting
that cannot be meant raises BadSettings, which ends the process at start: nobody shall
learn during an incident that a switch was misspelt.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from function.errors import BadSettings
from function.rails import MODES

LOG_LEVELS = ("INFO", "WARNING", "ERROR")

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NAMES = (
    "OPENFERO_JOBS_NAMESPACE",
    "OPENFERO_MODE",
    "OPENFERO_STRICT",
    "OPENFERO_TOKEN_FILE",
    "OPENFERO_LOG_LEVEL",
)
_SERVICE = re.compile(r"OPENFERO_(\w+_)?(SERVICE_HOST|(SERVICE_)?PORT(_\w+)?)")
_SWITCH = {"": False, "false": False, "true": True}


@dataclass(frozen=True)
class Settings:
    """The settings, each under the name of its environment variable."""

    jobs_namespace: str = ""
    """OPENFERO_JOBS_NAMESPACE: where definitions and Jobs are. Empty: the namespace of the
    function's own service account, or of the kubeconfig's current context."""

    mode: str = MODES[0]
    """OPENFERO_MODE: run, approve or audit, for every definition that is not stricter."""

    strict: bool = False
    """OPENFERO_STRICT: refuse a manifest with unknown fields instead of warning about them."""

    token_file: str = ""
    """OPENFERO_TOKEN_FILE: a file with one accepted bearer token per line. Empty: no token."""

    log_level: str = "INFO"
    """OPENFERO_LOG_LEVEL: INFO, WARNING or ERROR."""

    kubeconfig: str = ""
    """KUBECONFIG: the file that says which cluster. Empty: the one the function runs in."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Return the settings in an environment; raises BadSettings."""
        _check_names(environ)
        return cls(
            jobs_namespace=_namespace(environ.get("OPENFERO_JOBS_NAMESPACE", "")),
            mode=_one_of("OPENFERO_MODE", MODES, environ),
            strict=_switch("OPENFERO_STRICT", environ),
            token_file=_token_file(environ.get("OPENFERO_TOKEN_FILE")),
            log_level=_one_of("OPENFERO_LOG_LEVEL", LOG_LEVELS, environ),
            kubeconfig=environ.get("KUBECONFIG", ""),
        )


def is_namespace(text: str) -> bool:
    """Say whether a namespace can have this name: a DNS label."""
    return bool(_NAMESPACE.fullmatch(text))


def _check_names(environ: Mapping[str, str]) -> None:
    """Refuse a misspelt setting, but not what Kubernetes tells of a Service called openfero."""
    for name in environ:
        known = name in _NAMES or _SERVICE.fullmatch(name)
        if name.startswith("OPENFERO_") and not known:
            raise BadSettings(f"{name} is no setting; there are {', '.join(_NAMES)}")


def _namespace(text: str) -> str:
    if text and not is_namespace(text):
        raise BadSettings(f"OPENFERO_JOBS_NAMESPACE is {text!r}: not the name of a namespace")
    return text


def _switch(name: str, environ: Mapping[str, str]) -> bool:
    text = environ.get(name, "")
    if text.lower() not in _SWITCH:
        raise BadSettings(f"{name} is {text!r}: must be true or false")
    return _SWITCH[text.lower()]


def _token_file(text: str | None) -> str:
    if text == "":  # perhaps a variable of a template that was never set
        raise BadSettings("OPENFERO_TOKEN_FILE is empty, which would let everyone in: unset it")
    return text or ""


def _one_of(name: str, known: tuple[str, ...], environ: Mapping[str, str]) -> str:
    """Return what is set, however it is capitalised; the first if nothing is."""
    text = environ.get(name) or known[0]
    for value in known:
        if text.lower() == value.lower():
            return value
    raise BadSettings(f"{name} is {text!r}: must be one of {', '.join(known)}")
