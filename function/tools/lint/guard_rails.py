"""The guard rails of a definition: can each be read, is each known, do they go together?"""

from collections.abc import Iterator
from difflib import SequenceMatcher, get_close_matches
from itertools import combinations

from function.definitions import ALERTNAME, DISABLED
from function.errors import Broken
from function.jobs import QUEUE
from function.labels import EPISODE
from function.rails import (
    ANNOTATIONS,
    COOLDOWN,
    MATCH,
    MAX_RUNS,
    ON_RESOLVED,
    OURS,
    RERUN_AFTER,
    SUBJECT,
    Matcher,
    Rails,
    read_rails,
)
from function.tools.findings import Finding
from function.tools.lint.config_map import ConfigMap, named
from function.tools.lint.containers import marks, value_at
from function.tools.lint.written import Written

KNOWN = {name.removeprefix(OURS): name for name in sorted(ANNOTATIONS | {ALERTNAME})} | {
    DISABLED.rpartition("/")[2]: DISABLED
}
_STEM = OURS.partition(".")[0]
# Without any prefix only these can be meant as ours: the others are everybody's words.
_OURS_ALONE = frozenset({"cooldown", "rerun-after", "max-runs", "on-resolved"})
_ALIKE = 0.85


def findings(config_map: ConfigMap) -> Iterator[Finding]:
    """Return what is wrong with the guard rails of a definition."""
    yield from _unknown(config_map)
    for name, code, message in _broken(config_map):
        yield config_map.find(code, ("metadata", "annotations", name), message)
    for name, message in _contradictions(config_map, rails_of(config_map)):
        yield config_map.find("contradiction", ("metadata", "annotations", name), message)


def rails_of(config_map: ConfigMap) -> Rails:
    """Return the guard rails, as far as they can be read."""
    broken = {name for name, _, _ in _broken(config_map)}
    texts = {name: text for name, text in config_map.annotations.items() if name not in broken}
    return read_rails(texts, config_map.status)


def manifest_findings(manifest: Written, rails: Rails) -> Iterator[Finding]:
    """Return what is wrong with guard rails because of what stands in the Job."""
    yield from _in_the_job(manifest)
    yield from _queues(manifest, rails)


def _in_the_job(manifest: Written) -> Iterator[Finding]:
    for path, texts in marks(manifest.value):
        # A job that we made has a label for its subject; that it is a copy is told.
        for name in KNOWN.values() if EPISODE not in texts else ():
            if name in texts:
                where = "labels" if name == DISABLED else "annotations"
                message = (
                    f"{name} does nothing in the job: it belongs in the {where} of the ConfigMap"
                )
                yield manifest.find("unknown-annotation", (*path, name), message)


def _queues(manifest: Written, rails: Rails) -> Iterator[Finding]:
    """Return what would start a job that waits for a person, as the function refuses it."""
    for kind in ("labels", "annotations"):
        queues = value_at(manifest.value, "metadata", kind)
        if rails.may_wait and isinstance(queues, dict) and QUEUE in queues:
            message = (
                f"{QUEUE}: Kueue would start a job that waits for a person; leave it out, or the "
                "mode approve and max-runs"
            )
            yield manifest.find("kueue-approval", ("metadata", kind, QUEUE), message)


def _broken(config_map: ConfigMap) -> Iterator[tuple[str, str, str]]:
    """Read each annotation by itself: the function stops at the first that it cannot read."""
    for name in config_map.annotations.keys() & ANNOTATIONS:
        try:
            rails = read_rails({name: config_map.annotations[name]}, config_map.status)
            for label in rails.subject:
                if len(label.split()) > 1:
                    message = f"annotation {SUBJECT} has no comma in {label!r}: no label has spaces"
                    yield name, "guard-rail", message
        except Broken as exc:
            is_misplaced = name == ON_RESOLVED and config_map.status != "firing"
            yield name, "on-resolved" if is_misplaced else "guard-rail", str(exc)


def _unknown(config_map: ConfigMap) -> Iterator[Finding]:
    for kind, texts in (("annotations", config_map.annotations), ("labels", config_map.labels)):
        for name in texts:
            if message := _why_unknown(kind, name):
                yield config_map.find("unknown-annotation", ("metadata", kind, name), message)


def _why_unknown(kind: str, name: str) -> str:
    """Return what is wrong with the name of a label or annotation; empty if it is not ours."""
    if name == DISABLED or (kind == "annotations" and name in KNOWN.values()):
        return ""
    if name in KNOWN.values():
        return f"{name} is a label here: it must be an annotation"
    meant = _meant(name)
    if not name.startswith(OURS):
        return f"{name} does nothing: did you mean {meant}?" if meant else ""
    known = f"did you mean {meant}?" if meant else f"known: {', '.join(sorted(ANNOTATIONS))}"
    return f"{name} is not known: {known}"


def _meant(name: str) -> str:
    """Return what of ours a name is like; empty if it is like nothing."""
    prefix, slash, short = name.rpartition("/")
    if not slash:
        return KNOWN[short] if short in _OURS_ALONE else ""
    stem, _, domain = prefix.lower().partition(".")
    is_alike = SequenceMatcher(None, stem, _STEM).ratio() >= _ALIKE and "." not in domain
    close = get_close_matches(short.lower().replace("_", "-"), KNOWN, n=1)
    return KNOWN[close[0]] if is_alike and close else ""


def _contradictions(config_map: ConfigMap, rails: Rails) -> Iterator[tuple[str, str]]:
    """Return the annotations that certainly are a mistake beside the others."""
    for reason in _never_holds(config_map, rails):
        yield MATCH, reason
    missing = {each.label for each in rails.match if each.is_equal and not each.value}
    for label in sorted(missing & {*rails.subject}):
        yield SUBJECT, f"match asks for alerts without {label}, which the subject needs"
    if rails.subject and not (rails.cooldown or rails.may_wait):
        yield SUBJECT, "a subject limits nothing by itself: add cooldown or max-runs"
    if rails.cooldown and rails.rerun_after and rails.rerun_after < rails.cooldown:
        yield RERUN_AFTER, "rerun-after is shorter than cooldown, which holds the run back longer"
    if rails.max_runs and rails.approves:
        yield MAX_RUNS, "max-runs changes nothing: in the mode approve every job waits for a person"
    elif _is_never_reached(rails):
        yield (
            MAX_RUNS,
            (
                f"max-runs is never reached: with this {COOLDOWN.removeprefix(OURS)} there are "
                f"fewer than {rails.max_runs} runs in that time before the next"
            ),
        )


def _is_never_reached(rails: Rails) -> bool:
    """Say whether the oldest of `max_runs` is always out of the window when the next is due."""
    if not (rails.max_runs and rails.cooldown and rails.window):
        return False
    return rails.max_runs * rails.cooldown >= rails.window


def _never_holds(config_map: ConfigMap, rails: Rails) -> Iterator[str]:
    for one, other in combinations(rails.match, 2):
        if one.label == other.label and _exclude(one, other):
            yield f"match never holds: {_text(one)} and {_text(other)}"
    for each in rails.match:
        if each.label == "alertname" and not _can_hold(config_map, each):
            yield f"match never holds: {_text(each)}, but {config_map.meant} is for another alert"


def _exclude(one: Matcher, other: Matcher) -> bool:
    if one.is_equal and other.is_equal:
        return one.value != other.value
    return one.value == other.value and one.is_equal != other.is_equal


def _can_hold(config_map: ConfigMap, matcher: Matcher) -> bool:
    """Say whether an alert that finds the definition can have, or not have, that name."""
    alert = config_map.annotations.get(ALERTNAME)
    if alert is not None:
        return matcher.holds({"alertname": alert})
    return not matcher.is_equal or named(matcher.value, config_map.status) == config_map.meant


def _text(matcher: Matcher) -> str:
    return f'{matcher.label}{"=" if matcher.is_equal else "!="}"{matcher.value}"'
