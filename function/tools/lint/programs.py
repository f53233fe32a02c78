"""What a container runs: which of its arguments are code, and of what language."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from function.tools.documents import Path
from function.tools.lint.shell_command import SHELLS

# The options after which code follows, and how that code reads a variable.
_LANGUAGES = {
    r"python[0-9.]*": (r"-[a-zA-Z]*c", 'os.environ["{}"]'),
    r"perl": (r"-[a-zA-Z]*[eE]", "$ENV{{{}}}"),
    r"ruby": (r"-[a-zA-Z]*e", 'ENV["{}"]'),
    r"node|nodejs": (r"-[a-zA-Z]*[ep]|--eval|--print", "process.env.{}"),
    r"php": (r"-r", 'getenv("{}")'),
}
_SHELL = (r"-[a-zA-Z]*c", '"${}"')
# An option of these takes the next word: `-o pipefail`, `-eo pipefail`, `--rcfile file`.
_WITH_WORD = re.compile(r"[-+][a-zA-Z]*[oO]|--rcfile|--init-file|-[WX]")


@dataclass(frozen=True)
class Code:
    """An argument that is code: where it stands, the program that reads it, and how safely."""

    path: Path
    text: str
    program: str
    is_shell: bool
    variable: str
    """How it reads a variable; `{}` is the name."""


def words(path: Path, container: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Return the command line of a container as far as the manifest says it."""
    for field in ("command", "args"):
        listed = container.get(field)
        for index, word in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(word, str):
                yield (*path, field, index), word


def codes(path: Path, container: dict[str, Any]) -> Iterator[Code]:
    """Return what of a container's command line is code.

    The program may stand anywhere, as in `env`, `timeout 60 sh -c` or `kubectl exec … -- sh -c`.
    """
    line = list(words(path, container))
    for index, (_, word) in enumerate(line):
        program = posixpath.basename(word)
        option, variable = _language(program)
        found = _code(line[index + 1 :], option) if option else None
        if found:
            yield Code(*found, program, program in SHELLS, variable)


def _language(program: str) -> tuple[str, str]:
    if program in SHELLS:
        return _SHELL
    for name, language in _LANGUAGES.items():
        if re.fullmatch(name, program):
            return language
    return "", ""


def _code(line: list[tuple[Path, str]], option: str) -> tuple[Path, str] | None:
    """Return the first word that is no option, if one before it says that it is code."""
    is_code = skips = False
    for path, word in line:
        if skips:
            skips = False
        elif re.fullmatch(option, word):
            is_code = True
        elif not word.startswith(("-", "+")) or word == "-":
            return (path, word) if is_code else None
        elif word != "--":
            skips = bool(_WITH_WORD.fullmatch(word))
    return None
