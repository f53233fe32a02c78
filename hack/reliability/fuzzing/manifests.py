"""Manifests: YAML that grows, nests, lies about its types or is none; and Jobs with anything in them."""

import json
from typing import Any

from fuzzing.cases import BROKEN, Case, Request
from fuzzing.dice import RAW, WORDS, Dice, mutated, text, written
from fuzzing.samples import definition
from make import MANIFEST, a_manifest, notification_json

MIB = 1024 * 1024
# Python reads the first of these, but writes it in no other base; the second it does not read.
DIGITS = ("0x" + "f" * 4000, "9" * 5000)
YAML_WORDS = (
    *DIGITS,
    *("- ", "-", "? ", ": ", ":", ",", "[", "]", "{", "}", "#", "&a ", "*a", "!", "!!", "|"),
    *(">", "'"),
    *('"', "%", "@", "`", "\n", "\n  ", "\n\t", " ", "\t", "~", "null", "<<: *a"),
    *("<<: {}", "---\n"),
    *("...\n", "%YAML 1.1\n---\n", "%TAG ! tag:a,2000:\n---\n", "!!int ", "!!float ", "!!bool "),
    *("!!binary ", "!!set ", "!!omap ", "!!pairs ", "!!timestamp ", "!!null ", "!!str ", "!!map "),
    *("!!seq ", "!!merge ", "!!value ", "!!python/object/apply:os.system ", "!a ", "!<tag:a> "),
    *("!!python/name:os.system ", "1:30:00", "0x7f", "0o17", "017", "0b1", "1_000"),
    *(".inf", "-.INF"),
    *(".nan", "1e3", "1e999", "9" * 400, "2026-01-01", "=", "yes", "on", "\0", "\x85"),
    *("\u2028", "\ufeff"),
    *("\x07", "ü", "🔥", "\r", "\r\n", "a: b", "1: a", "null: a", "[a]: b"),
    *("{a: b}: c", "? [a]\n: b"),
)
TAGS = (
    "int",
    "float",
    "bool",
    "null",
    "timestamp",
    "binary",
    "set",
    "omap",
    "pairs",
    "merge",
    "value",
)
TAGGED = (
    "",
    "a",
    "+",
    "-",
    "_",
    "0x",
    "0b",
    "0o",
    "1:",
    ":",
    "1e",
    ".",
    "١",
    "[a]",
    "{a: b}",
    "[a: b]",
)
NUMBERS = (
    ".nan",
    ".inf",
    "-.INF",
    "1e999",
    "1:30:00",
    "0o17",
    "-0x1f",
    "1e3",
    "1_0.0_1e+1",
    *DIGITS,
)
# Where a Job has which fields, and what they may hold.
POD = ("spec", "template", "spec")
METADATA = (
    *("name", "namespace", "generateName", "labels", "annotations"),
    *("ownerReferences", "finalizers"),
    *("uid", "resourceVersion", "creationTimestamp", "deletionTimestamp"),
    *("managedFields", "generation"),
)
FIELDS: dict[tuple[Any, ...], tuple[str, ...]] = {
    (): ("apiVersion", "kind", "metadata", "spec", "status", "data"),
    ("metadata",): METADATA,
    ("spec",): (
        *("template", "selector", "manualSelector", "suspend"),
        *("ttlSecondsAfterFinished", "backoffLimit"),
        *("activeDeadlineSeconds", "completions", "parallelism"),
        *("completionMode", "podFailurePolicy"),
    ),
    ("spec", "template"): ("metadata", "spec", "labels", "annotations"),
    POD: (
        *("containers", "initContainers", "volumes", "restartPolicy"),
        *("serviceAccountName", "nodeSelector"),
        *("securityContext", "tolerations", "imagePullPolicy"),
        *("activeDeadlineSeconds", "hostNetwork"),
    ),
    (*POD, "containers", 0): (
        *("name", "image", "command", "args", "env", "envFrom", "volumeMounts"),
        *("resources", "ports"),
        *("securityContext", "livenessProbe", "workingDir"),
    ),
}
HELD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 1.5, 2**31, 2**32, 2**63, 2**64, -(2**63), 10**30, 1e300),
    *("", "a"),
    *([], {}, [[]], [{}], [None], ["a"], [1], {"a": 1}, {"a": None}, {"": ""}, {"a": {}}, [[{}]]),
    *([{"name": "a"}], [{"name": 1}], [{"name": None, "value": "$(A)"}], [{"mountPath": 1}]),
    *([{"name": "OPENFERO_ALERT_STATUS", "value": 1}], [{"name": "a", "mountPath": "/etc"}] * 2),
    *({"openfero.io/episode": "a"}, {"openfero.io/run": 1}, {"app.kubernetes.io/managed-by": 1}),
    *({"kueue.x-k8s.io/queue-name": "a"}, "9" * 70, "A_", "a" * 300, "Indexed", "openfero-jobs"),
    *({"a" * 300: "b"}, {"a": "b" * 70}, {"a/b/c": "d"}, "/etc/openfero/..", "\0", "ü"),
    *("$(A)", "🔥"),
)


def make(dice: Dice) -> Case:
    """Return a case with a manifest that is the matter."""
    return dice.either(
        {
            _spoilt: 30,
            _fields: 40,
            _mutated: 15,
            _tagged: 10,
            _keys: 4,
            _deep: 6,
            _bomb: 4,
            _noise: 4,
            _large: 1,
        }
    )


def _defined(dice: Dice, manifest: str, says: str = "") -> Case:
    """Return the case of one alert whose definition has this text."""
    statuses = frozenset({BROKEN}) if says else frozenset({200, BROKEN})
    body = written(notification_json()).encode()
    # No JSON, and so no ConfigMap, holds half of a surrogate pair.
    manifest = manifest.encode("utf-8", "replace").decode()
    return Case(
        (Request(body),),
        definition("KubeQuotaAlmostFull", text=manifest),
        statuses,
        says,
        is_sound=False,
        is_repeated=len(manifest) < 2000 and dice.once_in(8),
        mode=dice.choice(("run", "run", "run", "approve", "audit")),
    )


def _spoilt(dice: Dice) -> Case:
    """A good one, with words of YAML anywhere."""
    found = MANIFEST
    for _ in range(dice.size(5)):
        start = dice.randrange(len(found) + 1)
        end = start + dice.choice((0, 0, 0, 1, dice.size(40)))
        found = found[:start] + dice.choice(YAML_WORDS) + found[end:]
    return _defined(dice, found)


def _fields(dice: Dice) -> Case:
    """A Job in which fields hold what they never should, or anything at all."""
    job = a_manifest()
    job["spec"]["template"]["metadata"] = {}
    for _ in range(dice.size(3)):
        path = dice.choice([*FIELDS])
        place = _found(job, path)
        if dice.once_in(8) and isinstance(place, dict):
            place["metadata"] = {dice.choice(METADATA): dice.choice(HELD)}
        elif isinstance(place, dict):
            place[dice.choice(FIELDS[path])] = dice.choice(HELD)
    return _defined(dice, json.dumps(job))


def _found(job: Any, path: tuple[Any, ...]) -> Any:
    """Return what is there; None if an earlier change took it away."""
    for step in path:
        try:
            job = job[step]
        except (LookupError, TypeError):
            return None
    # What is held is shared by all cases.
    return job if all(job is not each for each in HELD) else None


def _mutated(dice: Dice) -> Case:
    return _defined(dice, written(mutated(dice, a_manifest(), dice.randint(1, 4))).replace(RAW, ""))


def _tagged(dice: Dice) -> Case:
    """A value that is said to be of a type that it is not, or is taken for another."""
    said = dice.choice(dice.choice((NUMBERS, TAGGED, YAML_WORDS)))
    if dice.randrange(3):
        said = f"!!{dice.choice(TAGS)} {said}"
    head = dice.choice(("x: ", "metadata: {annotations: {a: ", "? "))
    return _defined(dice, f"{MANIFEST}{head}{said}{'}}' if '{' in head else ''}\n")


def _keys(dice: Dice) -> Case:
    """Keys that are no text, and keys that stand twice."""
    key = dice.choice(("1", "true", "null", "1.5", "0x10", "~", "!!int '1'", ".inf"))
    twice = f"spec: {{a: 1, b: 2, a: {dice.randrange(9)}}}\n"
    if dice.once_in(3):
        return _defined(dice, MANIFEST.replace("spec:", twice + "spec:"), "stands twice")
    inner = dice.choice(
        ("metadata: {annotations: {KEY: a}}", "metadata: {labels: {KEY: a}}", "KEY: a")
    )
    text = MANIFEST.replace("metadata:\n  name: free-the-quota", inner.replace("KEY", key))
    return _defined(dice, text, "is not text")


def _deep(dice: Dice) -> Case:
    """Nested to the limit, and far beyond, in each way that YAML has."""
    depth = dice.choice((50, 98, 150, 1000, 20_000, 300_000))
    flow, block = dice.choice((("[", "]"), ("{a: ", "}"), ("[{a: ", "}]"))), "- " * depth
    nest = flow[0] * depth + "1" + flow[1] * depth
    if dice.once_in(3):
        nest = "\n  " + block + "1"
    if dice.once_in(6):
        nest = _indented(min(depth, 1000))
    place = dice.choice((f"{MANIFEST}x: {nest}\n", nest, f"apiVersion: {nest}\nkind: Job\n"))
    return _defined(dice, place[:MIB], "nest" if depth >= 150 and depth < 20_000 else "")


def _indented(depth: int) -> str:
    return "".join(f"\n{' ' * (level + 2)}a:" for level in range(depth)) + " 1"


def _bomb(dice: Dice) -> Case:
    """Aliases of aliases: short as a text, without end as a value."""
    width, levels = dice.randint(2, 12), dice.choice((3, 8, 20, 60, 90))
    opening, closing = dice.choice((("[", "]"), ("{", "}")))
    is_list = opening == "["
    lines = ["a0: &a0 " + (f"[{'x' * 50}]" if is_list else f"{{k: {'x' * 50}}}")]
    for level in range(1, levels):
        inner = (f"*a{level - 1}" if is_list else f"k{i}: *a{level - 1}" for i in range(width))
        lines.append(f"a{level}: &a{level} {opening}{', '.join(inner)}{closing}")
    if dice.once_in(4):
        lines = [
            "a: &a {k: 1}",
            *(f"b{i}: {{<<: [{', '.join(['*a'] * 500)}]}}" for i in range(levels)),
        ]
    if dice.once_in(6):
        lines = [dice.choice(("a: &a [*a]", "a: &a {b: *a}", "<<: &a {<<: *a}", "a: *b"))]
    is_large = len(lines) >= 20 and lines[0].startswith("a0") and width ** (levels - 1) > MIB
    return _defined(dice, MANIFEST + "\n".join(lines) + "\n", "larger than" if is_large else "")


def _noise(dice: Dice) -> Case:
    words = (dice.choice((*YAML_WORDS, *WORDS)) for _ in range(dice.size(60)))
    return _defined(dice, dice.choice(("".join(words), text(dice))))


def _large(dice: Dice) -> Case:
    """As much as a ConfigMap can hold, in one value, in many, and in none."""
    most = MIB - 2000
    piece = dice.choice(
        ("#", "a", "1,", "- a\n", "[],", "{},", "a b\n", "&a 1,", '"a",', "\n", "!!int 1,", "?")
    )
    filled = piece * (most // len(piece))
    body = (
        f"x: [{filled}]\n"
        if piece[-1] == ","
        else f"x: {filled}\n"
        if piece == "a"
        else f"{filled}\n"
    )
    if piece == "- a\n":
        body = f"x:\n{filled}"
    return _defined(dice, MANIFEST + body)
