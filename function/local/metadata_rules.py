"""The API server's own rules for metadata: names, labels and annotations.

Pure. The same rules hold for the metadata of every kind and, names left aside, for that
of a pod template; what a single name or label may be is in `syntax.py`.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from function.local.findings import Finding, invalid, required, too_long
from function.local.syntax import why_not_label_value, why_not_qualified_name

ANNOTATIONS_LIMIT = 262_144
"""Bytes of an object's annotations, keys and values together."""

Manifest = dict[str, Any]


def metadata_rules(metadata: Manifest, why_not: Callable[[str], list[str]]) -> list[Finding]:
    """The rules for names, labels and annotations; `why_not` is that for the name."""
    name = metadata.get("name", "")
    base = metadata.get("generateName", "")
    # What follows is added to it, so a hyphen may end it.
    whys = why_not(re.sub("-$", "a", base)) if base else []
    found = [invalid("metadata.generateName", base, why) for why in whys]
    found += [invalid("metadata.name", name, why) for why in (why_not(name) if name else [])]
    if not name:
        found.append(required("metadata.name", "name or generateName is required"))
    found += annotation_rules("metadata.annotations", metadata.get("annotations", {}))
    return [*found, *label_rules("metadata.labels", metadata.get("labels", {}))]


def label_rules(field: str, labels: dict[str, str]) -> Iterator[Finding]:
    """The rules for labels, and for what selects by them."""
    for key, value in labels.items():
        yield from (invalid(field, key, why) for why in why_not_qualified_name(key))
        yield from (invalid(field, value, why) for why in why_not_label_value(value))


def annotation_rules(field: str, annotations: dict[str, str]) -> Iterator[Finding]:
    """The rules for annotations: any text is a value, but all together have a limit."""
    for key in annotations:
        # Capitals are allowed in the prefix of an annotation's key, for old times' sake.
        yield from (invalid(field, key, why) for why in why_not_qualified_name(key.lower()))
    size = sum(len(key.encode()) + len(text.encode()) for key, text in annotations.items())
    if size > ANNOTATIONS_LIMIT:
        yield too_long(field, ANNOTATIONS_LIMIT)
