"""Texts, or the ConfigMaps of a cluster → all findings at once. The rules, in one place."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from function.tools.documents import Document, Text, objects_in
from function.tools.findings import Finding, Unusable
from function.tools.lint import fields, guard_rails, names, practice, scripts, traps
from function.tools.lint.config_map import ConfigMap, is_definition
from function.tools.lint.reading import read
from function.tools.lint.written import Written

OF_CONFIG_MAPS = (names.findings, traps.findings, guard_rails.findings)
OF_MANIFESTS = (practice.findings, scripts.findings)

# Said more plainly, and as an error, by these.
_OF_TYPES = frozenset({"yaml-type", "wrong-type"})
_CONFIG_MAP = re.compile(r"""^\s*["']?kind["']?\s*:\s*["']?ConfigMap\b""", re.MULTILINE)


@dataclass(frozen=True)
class Report:
    """What was found, by source and line, and in what."""

    findings: Sequence[Finding]
    documents: Sequence[Document] = field(default=())
    """All objects that were given."""
    definitions: Sequence[Document] = field(default=())
    """Those of them that are definitions."""


def check_texts(texts: Iterable[Text]) -> Report:
    """Return what is wrong with the definitions in texts, and which texts are no YAML.

    Raises Unusable if there is no definition in them, and nothing that could hold one.
    """
    documents: list[Document] = []
    found: list[Finding] = []
    for text in texts:
        reading = read(text)
        objects = objects_in(text, reading.value)
        documents += objects
        # What is no definition may be any YAML, as long as it is some.
        is_ours = any(is_definition(each) for each in objects) or (
            reading.value is None and _CONFIG_MAP.search(text.text)
        )
        if is_ours or not reading.is_yaml:
            found += reading.findings
    return check_documents(documents, found)


def check_documents(documents: Sequence[Document], found: Iterable[Finding] = ()) -> Report:
    """Return what is wrong with the definitions among objects, beside what was found before."""
    all_found = [*found]
    definitions = [document for document in documents if is_definition(document)]
    if not definitions and not all_found:
        raise Unusable(
            "there is no definition in what was given: a ConfigMap with a Job in it, whose name "
            "begins with openfero-; `openfero new ALERTNAME` writes one"
        )
    config_maps = [ConfigMap(document) for document in definitions]
    for config_map in config_maps:
        all_found += _of_definition(config_map)
    all_found += names.collisions(config_maps)
    return Report(tuple(sorted({*_plainest(all_found)})), documents, definitions)


def _of_definition(config_map: ConfigMap) -> Iterator[Finding]:
    for rule in OF_CONFIG_MAPS:
        yield from rule(config_map)
    for key in config_map.manifests:
        yield from _of_manifest(config_map, key)


def _of_manifest(config_map: ConfigMap, key: str) -> Iterator[Finding]:
    text = config_map.document.inner("data", key)
    reading = read(text)
    if reading.value is None and reading.findings:
        is_folded = config_map.document.style("data", key) == ">"
        hint = f"; put | in place of > after {key}:, which keeps the lines" if is_folded else ""
        yield from (replace(each, message=each.message + hint) for each in reading.findings)
        return
    yield from reading.findings
    manifest = Written(text, reading.value)
    rails = guard_rails.rails_of(config_map)
    yield from traps.trap_findings(text)
    yield from fields.findings(manifest, rails, config_map.namespace)
    if isinstance(reading.value, dict):
        yield from guard_rails.approval_findings(manifest, rails)
        for rule in OF_MANIFESTS:
            yield from rule(manifest)


def _plainest(found: Sequence[Finding]) -> Iterator[Finding]:
    """Leave out the traps where it is said that a value has the wrong type."""
    told = {each.place for each in found if each.code in _OF_TYPES}
    for each in found:
        if each.code != "yaml-trap" or each.place not in told:
            yield each
