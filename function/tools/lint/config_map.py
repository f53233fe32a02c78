"""A ConfigMap that its author means as a definition: what it says, and for which alert."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from function.alerts import STATUSES, Alert
from function.definitions import ALERTNAME, DISABLED, FALLBACK_KEY, PREFIX, definition_name
from function.local.fields import read_fields
from function.local.findings import Finding as Verdict
from function.rails import OURS
from function.tools.documents import Document
from function.tools.findings import Finding

_STATUS = re.compile(r"-(fir|resolv)\w*$", re.IGNORECASE)
_MANIFEST = re.compile(r"""^\s*["']?(kind|spec)["']?\s*:""", re.MULTILINE)

NAMESPACE = "openfero-jobs"
"""Where definitions live unless somebody decides otherwise."""

_NAME = re.compile(rf"{PREFIX}(.+)-({'|'.join(STATUSES)})", re.DOTALL)
_JOB = re.compile(r"""^[\s{"',-]*(.*[{,"']\s*)?kind["']?\s*:\s*["']?Job\b""", re.MULTILINE)


def is_definition(document: Document) -> bool:
    """Say whether an object is meant as a definition, and not only one that OpenFero has, too."""
    if document.kind != "ConfigMap":
        return False
    metadata = document.value.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    names = [*_mapping(metadata, "annotations"), *_mapping(metadata, "labels")]
    values = _mapping(document.value, "data").values()
    if any(name == DISABLED or name.startswith(OURS) for name in names):
        return True
    if document.name.startswith(PREFIX) and _STATUS.search(document.name):
        return True
    looks = _is_manifest if document.name.startswith(PREFIX) else is_job
    return any(looks(value) for value in values)


def is_job(value: object) -> bool:
    """Say whether a value of a ConfigMap looks like the manifest of a Job."""
    if isinstance(value, dict):  # the | after its key was forgotten
        return value.get("kind") == "Job"
    return isinstance(value, str) and bool(_JOB.search(value))


def _is_manifest(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, str) and bool(_MANIFEST.search(value)))


def named(alert: str, status: str) -> str | None:
    """Return the name of the definition that an alert of that name looks for."""
    return definition_name(Alert(status, {"alertname": alert}, "", "", {}))


@dataclass(frozen=True)
class ConfigMap:
    """A definition as it was written."""

    document: Document

    def find(self, code: str, path: tuple[str | int, ...], message: str) -> Finding:
        """Return a finding about the value at a path."""
        return Finding(self.document.at(*path), code, message)

    @cached_property
    def _read(self) -> tuple[dict[str, Any], list[Verdict]]:
        return read_fields("ConfigMap", self.document.value)

    @property
    def readable(self) -> dict[str, Any]:
        """What the API server can read of it."""
        return self._read[0]

    @property
    def unreadable(self) -> list[Verdict]:
        """What it would say to the rest."""
        return self._read[1]

    @property
    def annotations(self) -> Mapping[str, str]:
        """Its annotations, as far as they are text."""
        return _mapping(self.readable.get("metadata") or {}, "annotations")

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels, as far as they are text."""
        return _mapping(self.readable.get("metadata") or {}, "labels")

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of its data, whatever they hold."""
        return tuple(_mapping(self.document.value, "data"))

    @property
    def data(self) -> Mapping[str, str]:
        """Its data, as far as it is text."""
        return _mapping(self.readable, "data")

    @property
    def binary_keys(self) -> tuple[str, ...]:
        """The keys of its binary data, which no alert reads."""
        return tuple(_mapping(self.document.value, "binaryData"))

    @property
    def namespace(self) -> str:
        """The namespace it names; empty if it names none."""
        return str((self.readable.get("metadata") or {}).get("namespace", ""))

    @property
    def name(self) -> str:
        """The name it has; empty if it has none."""
        return self.document.name

    @property
    def is_found(self) -> bool:
        """Whether there is an alert that looks for this name."""
        match = _NAME.fullmatch(self.name)
        return match is not None and named(match[1], match[2]) == self.name

    @property
    def status(self) -> str:
        """The status it is for, as far as its name says."""
        return "resolved" if "resolve" in self.name.lower() else "firing"

    @cached_property
    def meant(self) -> str:
        """The name it should have: its own, or one that its alert would look for."""
        if self.is_found:
            return self.name
        alerts = [self.annotations.get(ALERTNAME), *self.keys]
        stem = _STATUS.sub("", self.name).removeprefix(PREFIX)
        for alert in (*alerts, stem):
            if alert and alert != FALLBACK_KEY and (name := named(alert, self.status)):
                return name
        return f"{PREFIX}<alertname>-{self.status}"

    def reads(self, key: str) -> bool:
        """Say whether an alert that looks for it, as it is meant, reads this key."""
        return key == FALLBACK_KEY or named(key, self.status) == self.meant

    @property
    def manifests(self) -> list[str]:
        """The keys with text that is, or may be meant as, the manifest of a Job."""
        return [key for key, text in self.data.items() if self.reads(key) or is_job(text)]


def _mapping(parent: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = parent.get(name)
    return found if isinstance(found, dict) else {}
