"""Texts, or the ConfigMaps of a cluster → all findings at once. The rules, in one place."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from function.tools.documents import Document, Text, Unread, objects_in
from function.tools.findings import Finding, Place, Unusable
from function.tools.lint import fields, guard_rails, names, practice, scripts, traps
from function.tools.lint.codes import Severity, severity
from function.tools.lint.config_map import ConfigMap, is_definition, is_ours
from function.tools.lint.reading import Reading, read
from function.tools.lint.written import Written

OF_CONFIG_MAPS = (names.findings, traps.findings, guard_rails.findings)
OF_MANIFESTS = (practice.findings, scripts.findings)

# Said more plainly, and as an error, by these.
_OF_TYPES = frozenset({"yaml-type", "wrong-type"})
_OPENFERO = re.compile(rb"openfero", re.IGNORECASE)
_CONFIG_MAP = re.compile(r"""^\s*["']?kind["']?\s*:\s*["']?ConfigMap\b""", re.MULTILINE)


@dataclass(frozen=True)
class Report:
    """What was found, by source and line, and in what."""

    findings: Sequence[Finding]
    documents: Sequence[Document] = field(default=())
    """All objects that were given."""
    definitions: Sequence[Document] = field(default=())
    """Those of them that are definitions."""


def check_texts(
    texts: Iterable[Text], unread: Iterable[Unread] = (), namespace: str = ""
) -> Report:
    """Return what is wrong with the definitions in texts, and which texts are no YAML.

    The namespace is where the definitions live, if that was said. Raises Unusable if there is no
    definition in them, and nothing that could hold one.
    """
    documents: list[Document] = []
    found = [_of_unread(each) for each in unread]
    for text in texts:
        reading = read(text)
        objects = objects_in(text, reading.value)
        documents += objects
        found += _of_text(text, reading, objects)
    return check_documents(documents, found, namespace)


def _of_unread(unread: Unread) -> Finding:
    # Also as UTF-16, which some shells write.
    code = "yaml" if _OPENFERO.search(unread.content.replace(b"\0", b"")) else "not-checked"
    return Finding(Place(unread.source, 1), code, unread.problem)


def _of_text(text: Text, reading: Reading, objects: Sequence[Document]) -> Iterable[Finding]:
    """Return what is wrong with the YAML of a text; what is no definition may be any."""
    if not reading.is_yaml:
        if text.is_named or _OPENFERO.search(text.text.encode()):
            return reading.findings
        return (replace(each, code="not-checked") for each in reading.findings)
    could_be = reading.value is None and _CONFIG_MAP.search(text.text)
    is_any = any(is_definition(each) and is_ours(each) for each in objects)
    return reading.findings if is_any or could_be else ()


def check_documents(
    documents: Sequence[Document],
    found: Iterable[Finding] = (),
    namespace: str = "",
    where: str = "what was given",
) -> Report:
    """Return what is wrong with the definitions among objects, beside what was found before."""
    all_found = [*found]
    definitions = [document for document in documents if is_definition(document)]
    if not definitions and not any(severity(each.code) is Severity.ERROR for each in all_found):
        raise Unusable(_why_none(where, all_found))
    config_maps = [ConfigMap(document) for document in definitions]
    for config_map in config_maps:
        all_found += _of_definition(config_map, namespace)
    all_found += names.collisions(config_maps, namespace)
    return Report(tuple(sorted({*_plainest(all_found)})), documents, definitions)


def _why_none(where: str, found: Sequence[Finding]) -> str:
    unchecked = "".join(f"; {each.place}: {each.message}" for each in found)
    return (
        f"there is no definition in {where}: a ConfigMap with a Job in it, whose name "
        f"begins with openfero-; `openfero new ALERTNAME` writes one{unchecked}"
    )


def _of_definition(config_map: ConfigMap, namespace: str) -> Iterator[Finding]:
    if not is_ours(config_map.document):
        yield from names.name_findings(config_map)
        return
    yield from names.namespace_findings(config_map, namespace)
    for rule in OF_CONFIG_MAPS:
        yield from rule(config_map)
    for key in config_map.manifests:
        yield from _of_manifest(config_map, key, namespace)


def _of_manifest(config_map: ConfigMap, key: str, namespace: str) -> Iterator[Finding]:
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
    yield from fields.findings(manifest, rails, config_map.namespace or namespace)
    if isinstance(reading.value, dict):
        yield from guard_rails.manifest_findings(manifest, rails)
        yield from practice.never_runs(manifest, rails)
        for rule in OF_MANIFESTS:
            yield from rule(manifest)


def _plainest(found: Sequence[Finding]) -> Iterator[Finding]:
    """Leave out the traps where it is said that a value has the wrong type."""
    told = {each.place for each in found if each.code in _OF_TYPES}
    for each in found:
        if each.code != "yaml-trap" or each.place not in told:
            yield each
