"""Objects as YAML, as people read and write them: what it is first, a script line by line."""

import re
from collections.abc import Iterable
from typing import Any

import yaml

_FIRST = ("apiVersion", "kind", "metadata")
# What some reader of YAML takes for no text, and PyYAML does not know of: 1e3, 0o17, y.
_DOUBTFUL = re.compile(r"[-+.]?[0-9]|[yn]$", re.IGNORECASE)


class _Dumper(yaml.SafeDumper):
    """Writes texts so that every reader takes them for texts."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """Return a text as it is written: a script line by line, quoted where in doubt."""
        style = "|" if "\n" in text else '"' if _DOUBTFUL.match(text) else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style)

    def ignore_aliases(self, data: Any) -> bool:
        """Write all of it, wherever it stands."""
        return True


_Dumper.add_representer(str, _Dumper.represent_text)


def build_yaml(documents: Iterable[dict[str, Any]]) -> str:
    """Return a document for each object."""
    return yaml.dump_all(
        map(_ordered, documents),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=float("inf"),
    )


def _ordered(document: dict[str, Any]) -> dict[str, Any]:
    return {name: document[name] for name in _FIRST if name in document} | document
