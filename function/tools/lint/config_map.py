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
from function.tools.documents import Document, Text
from function.tools.findings import Finding
from function.tools.lint.reading import read

# Also as people write it who do not know Prometheus' words.
_STATUS = re.compile(r"[-._](fir(?:e|ed|ing)|resolv(?:e|ed|ing))$", re.IGNORECASE)
_BEGINS = re.compile(r"""\s*((#|---).*\n\s*)*[{"']?(apiVersion|kind|metadata|spec)\b""")

NAMESPACE = "openfero-jobs"
"""Where definitions live unless somebody decides otherwise."""

_NAME = re.compile(rf"{PREFIX}(.+)-({'|'.join(STATUSES)})", re.DOTALL)


def is_definition(document: Document) -> bool:
    """Say whether an object is meant as a definition, and not only one that OpenFero has, too."""
    if document.kind != "ConfigMap":
        return False
    values = _mapping(document.value, "data").values()
    if not is_ours(document):
        return any(is_job(value, "batch/v1") for value in values)
    says_so = _is_marked(document) or _STATUS.search(document.name)
    return bool(says_so) or any(_is_manifest(value) for value in values)


def is_ours(document: Document) -> bool:
    """Say whether a ConfigMap is one of OpenFero's: somebody else's may hold a Job, too."""
    labels = _mapping(_mapping(document.value, "metadata"), "labels")
    is_of_app = labels.get("app") == "openfero"  # as in what earlier OpenFeros looked for
    return document.name.startswith(PREFIX) or is_of_app or _is_marked(document)


def _is_marked(document: Document) -> bool:
    metadata = _mapping(document.value, "metadata")
    names = [*_mapping(metadata, "annotations"), *_mapping(metadata, "labels")]
    return any(name == DISABLED or str(name).startswith(OURS) for name in names)


def is_job(value: object, api_version: str = "") -> bool:
    """Say whether a value of a ConfigMap is the manifest of a Job, if need be of that version."""
    if isinstance(value, str) and "Job" in value:
        value = read(Text("", value)).value
    # Without its | it is a mapping already.
    if not isinstance(value, dict) or value.get("kind") != "Job":
        return False
    return api_version in ("", value.get("apiVersion"))


def _is_manifest(value: object) -> bool:
    """Say whether a value may be meant as a manifest: also one that cannot be read."""
    said = read(Text("", value)).value if isinstance(value, str) else value
    if said is None and isinstance(value, str):
        return bool(_BEGINS.match(value))
    return isinstance(said, dict) and not {"kind", "spec"}.isdisjoint(said)


def split_name(name: str) -> tuple[str, str] | None:
    """Return alert, as it stands there, and status of the name of a definition; None for others."""
    match = _NAME.fullmatch(name)
    return (match[1], match[2]) if match else None


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
        parts = split_name(self.name)
        return parts is not None and named(*parts) == self.name

    @property
    def status(self) -> str:
        """The status it is for, as far as the end of its name says."""
        match = _STATUS.search(self.name)
        return "resolved" if match and match[1].lower().startswith("resolv") else "firing"

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
