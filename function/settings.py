"""What the deployment decides: environment variables, as a value.

The environment comes in as a mapping, so that a test can hand in its own. A setting
that cannot be meant raises BadSettings, which ends the process at start: nobody shall
learn during an incident that a switch was misspelt.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from function.errors import BadSettings

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SWITCH = {"": False, "false": False, "0": False, "true": True, "1": True}


@dataclass(frozen=True)
class Settings:
    """The settings, each under the name of its environment variable."""

    jobs_namespace: str = ""
    """OPENFERO_JOBS_NAMESPACE: where definitions and Jobs are. Empty: the namespace of the
    function's own service account, or of the kubeconfig's current context."""

    strict: bool = False
    """OPENFERO_STRICT: refuse a manifest with unknown fields instead of warning about them."""

    token_file: str = ""
    """OPENFERO_TOKEN_FILE: a file with one accepted bearer token per line. Empty: no token."""

    log_level: str = "INFO"
    """OPENFERO_LOG_LEVEL: DEBUG, INFO, WARNING or ERROR."""

    kubeconfig: str = ""
    """KUBECONFIG: the file that says which cluster. Empty: the one the function runs in."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Return the settings in an environment; raises BadSettings."""
        return cls(
            jobs_namespace=_namespace(environ.get("OPENFERO_JOBS_NAMESPACE", "")),
            strict=_switch("OPENFERO_STRICT", environ),
            token_file=environ.get("OPENFERO_TOKEN_FILE", ""),
            log_level=_log_level(environ.get("OPENFERO_LOG_LEVEL") or "INFO"),
            kubeconfig=environ.get("KUBECONFIG", ""),
        )


def _namespace(text: str) -> str:
    if text and not _NAMESPACE.fullmatch(text):
        raise BadSettings(f"OPENFERO_JOBS_NAMESPACE is {text!r}: not the name of a namespace")
    return text


def _switch(name: str, environ: Mapping[str, str]) -> bool:
    text = environ.get(name, "")
    if text.lower() not in _SWITCH:
        raise BadSettings(f"{name} is {text!r}: must be true or false")
    return _SWITCH[text.lower()]


def _log_level(text: str) -> str:
    if text.upper() not in LOG_LEVELS:
        raise BadSettings(f"OPENFERO_LOG_LEVEL is {text!r}: must be one of {', '.join(LOG_LEVELS)}")
    return text.upper()
