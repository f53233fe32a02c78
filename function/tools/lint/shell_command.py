"""A simple command of a shell script, as far as it decides what becomes of a variable in it."""

import re
from dataclasses import dataclass

SHELLS = frozenset({"sh", "bash", "ash", "dash", "ksh", "mksh", "zsh"})

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\[[^\]]*\])?\+?=")
_TAKES_CODE = re.compile(r"-[a-zA-Z]*c")
# After these a command begins.
_KEYWORDS = frozenset({"then", "do", "else", "elif", "if", "while", "until", "{", "!", "time"})
_ASSIGNING = frozenset({"export", "local", "readonly", "declare", "typeset"})
# `: "${NAME:?}"` is the idiom for a variable that must be there, and nothing is done with it.
_IDLE = frozenset({":", "true"})


@dataclass
class Command:
    """What has been read of it."""

    first: str = ""
    last: str = ""
    has_shell: bool = False
    """One of its words is a shell, or `su`, which runs one."""
    start: int | None = None
    """Where the word that is being read began; None between words."""

    @property
    def is_safe(self) -> bool:
        """Whether no word of it is split: in `case`, `[[ ]]` and idle commands."""
        return self.is_test or self.first == "case" or self.first in _IDLE

    @property
    def is_test(self) -> bool:
        """Whether it is a `[[ ]]` that has not ended."""
        return self.first == "[["

    @property
    def takes_code(self) -> bool:
        """Whether the next word is read as code."""
        return self.first == "eval" or (self.has_shell and self._after_its_option)

    @property
    def reads_code(self) -> bool:
        """Whether what it is given to read is code."""
        return self.has_shell and not self._after_its_option

    @property
    def _after_its_option(self) -> bool:
        return bool(_TAKES_CODE.fullmatch(self.last))

    def assigns(self, word: str) -> bool:
        """Say whether a word that begins so is an assignment, whose value is not split."""
        return self.first in {"", *_ASSIGNING} and bool(_ASSIGNMENT.match(word))

    def take(self, word: str) -> int:
        """Take note of a word; return 1 where a `case` begins, -1 where one ends."""
        if self.is_test and word == "]]":
            self.first = word
        if not self.first and (word in _KEYWORDS or _ASSIGNMENT.match(word)):
            return 0
        self.has_shell |= word.rpartition("/")[2] in {*SHELLS, "su"}
        self.last = word
        if self.first:
            return 0
        self.first = word
        return {"case": 1, "esac": -1}.get(word, 0)
