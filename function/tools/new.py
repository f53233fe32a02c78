"""An alert name → a definition for it, with what belongs to it, as commented YAML.

Pure. The name comes from whoever writes rules, and may hold anything: it stands in the text
only as a quoted value on one line.
"""

import re
from functools import cache
from importlib.resources import files
from string import Template
from urllib.parse import quote

import yaml

from function.alerts import Alert
from function.definitions import ALERTNAME, FALLBACK_KEY, PREFIX, definition_name
from function.local.syntax import why_not_config_key
from function.rails import ON_RESOLVED
from function.tools.findings import Unusable, check_text

RUNBOOKS = "https://runbooks.example.com/"

# What every reader of YAML takes for text, once the words that mean something are ruled out.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]+")

_CANCEL = f"""\
    # When the alert is over: end what still runs.
    # {ON_RESOLVED}: cancel
"""
_MEANT = f"""\
    # Another alert name could map to the name of this ConfigMap; this one is meant.
    {ALERTNAME}: """
_OWN_KEY = "The alert's name as it is, capitals too; everything below it is the Job."
_OTHER_KEY = "No key can be the alert's name as it is. Everything below this one is the Job."


class _Template(Template):
    """With a sign that neither YAML nor a shell script has a use for here."""

    delimiter = "@"


def new_definition(alertname: str, status: str, namespace: str) -> str:
    """Return all that an alert needs to get a Job: account, Role and ConfigMap.

    Raises Unusable for a name that no definition can have.
    """
    name = _definition_name(alertname, status)
    is_mapped = name != f"{PREFIX}{alertname.lower()}-{status}"
    key = FALLBACK_KEY if why_not_config_key(alertname) else alertname
    return _template().substitute(
        definition=name,
        namespace=namespace,
        status=status,
        name=_quoted(alertname),
        runbook=_quoted(RUNBOOKS + quote(alertname, safe="")),
        meant=f"{_MEANT}{_quoted(alertname)}\n" if is_mapped else "",
        cancel=_CANCEL if status == "firing" else "",
        key=_scalar(key),
        key_reason=_OWN_KEY if key == alertname else _OTHER_KEY,
    )


def _definition_name(alertname: str, status: str) -> str:
    check_text("the alert name", alertname)
    name = definition_name(Alert(status, {"alertname": alertname}, "", "", {}))
    if name is None:
        raise Unusable(
            f"no definition can be for the alert name {alertname!r}: nothing of it is left that "
            "the name of a ConfigMap may have (a-z, 0-9); rename the alert in its rule"
        )
    return name


@cache
def _template() -> Template:
    return _Template(files("function.tools").joinpath("definition.yaml").read_text("utf-8"))


def _scalar(text: str) -> str:
    """Return a text as YAML, without quotes where nobody takes it for anything else."""
    is_plain = _PLAIN.fullmatch(text) and yaml.safe_dump(text).startswith(text)
    return text if is_plain else _quoted(text)


def _quoted(text: str) -> str:
    """Return a text as YAML on one line, with every character escaped that could end it."""
    dumped = yaml.safe_dump(text, default_style='"', width=float("inf"), allow_unicode=True)
    return dumped.rstrip("\n")
