"""What a pod would have been given, had it run: the log that takes the place of its output.

Pure. It expands `$(NAME)` as Kubernetes does and fills the files of downward API
volumes, so that a newcomer sees what a job gets.
"""

import json
import re
import textwrap
from collections.abc import Iterator
from typing import Any

from function.local.defaults import containers_of
from function.local.statuses import Refusal, malformed

Manifest = dict[str, Any]

_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")
_KEYED = re.compile(r"metadata\.(annotations|labels)\['(.*)'\]", re.DOTALL)
HEADLINE = "openfero local: no container was run; this is what would have run:"


def write_log(pod: Manifest, container: str = "") -> str:
    """The log of one container of a pod; the name may be left out if there is only one.

    Raises a 400 refusal for a name that the pod does not have, or a missing one.
    """
    chosen = _find_container(pod, container)
    env = resolve_env(pod, chosen)
    lines = [HEADLINE, f"image: {chosen.get('image', '')}"]
    for field in "command", "args":
        if chosen.get(field):
            lines += _listed(field, [expand(word, env) for word in chosen[field]])
    lines += ["env:", *(f"  {name}={value}" for name, value in env.items())] if env else []
    for path, content in _files(pod, chosen):
        lines += [f"{path}:", content]
    return "\n".join(lines) + "\n"


def expand(text: str, env: dict[str, str]) -> str:
    """`text` with `$(NAME)` replaced where NAME is known, and `$$` by `$`; all else stays."""

    def replace(found: re.Match[str]) -> str:
        return "$" if found[1] is None else env.get(found[1], found[0])

    return _REFERENCE.sub(replace, text)


def resolve_env(pod: Manifest, container: Manifest) -> dict[str, str]:
    """The variables of a container; each may refer to those before it.

    What only a node or a Secret could tell is named in angle brackets.
    """
    env: dict[str, str] = {}
    for variable in container.get("env", []):
        source = variable.get("valueFrom")
        value = _source(pod, source) if source else expand(variable.get("value", ""), env)
        env[variable["name"]] = value
    return env


def field_value(pod: Manifest, field: str) -> str:
    """What the downward API gives for a field path such as `metadata.annotations['a']`."""
    metadata = pod["metadata"]
    if keyed := _KEYED.fullmatch(field):
        return str(metadata.get(keyed[1], {}).get(keyed[2], ""))
    if field in ("metadata.annotations", "metadata.labels"):
        values = metadata.get(field.removeprefix("metadata."), {})
        pairs = sorted(values.items())
        return "\n".join(f"{key}={json.dumps(value)}" for key, value in pairs)
    known = {f"metadata.{key}": metadata.get(key, "") for key in ("name", "namespace", "uid")}
    known["spec.serviceAccountName"] = pod["spec"].get("serviceAccountName", "default")
    return str(known.get(field, f"<{field}>"))


def _find_container(pod: Manifest, name: str) -> Manifest:
    containers = containers_of(pod["spec"])
    if not name and len(pod["spec"]["containers"]) == 1:
        return dict(pod["spec"]["containers"][0])
    found = next((each for each in containers if each["name"] == name), None)
    if found is None:
        raise _no_container(pod["metadata"]["name"], name, [each["name"] for each in containers])
    return found


def _no_container(pod: str, name: str, names: list[str]) -> Refusal:
    if name:
        return malformed(f"container {name} is not valid for pod {pod}")
    choices = " ".join(names)
    return malformed(
        f"a container name must be specified for pod {pod}, choose one of: [{choices}]"
    )


def _listed(field: str, words: list[str]) -> list[str]:
    """The words in one line; if one of them has lines of its own, below each other as in YAML."""
    if not any("\n" in word for word in words):
        return [f"{field}: {_quoted(words)}"]
    return [f"{field}:", *(f"- {_block(word)}" for word in words)]


def _block(word: str) -> str:
    if "\n" not in word:
        return _quoted(word)
    return "|\n" + textwrap.indent(word.rstrip("\n"), "  ")


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _source(pod: Manifest, source: Manifest) -> str:
    if "fieldRef" in source:
        return field_value(pod, source["fieldRef"].get("fieldPath", ""))
    kind, reference = next(iter(source.items()))
    return f"<{kind} {reference.get('name', '')} {reference.get('key', '')}>".replace(" >", ">")


def _files(pod: Manifest, container: Manifest) -> Iterator[tuple[str, str]]:
    volumes = {each["name"]: each.get("downwardAPI") for each in pod["spec"].get("volumes", [])}
    for mount in container.get("volumeMounts", []):
        for item in (volumes.get(mount["name"]) or {}).get("items", []):
            reference = item.get("fieldRef", {})
            path = f"{mount['mountPath'].rstrip('/')}/{item['path']}"
            yield path, field_value(pod, reference.get("fieldPath", ""))
