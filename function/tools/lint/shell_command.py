"""A simple command of a shell script, as far as it decides what becomes of a variable in it."""

import re
from dataclasses import dataclass, field

from function.tools.lint.languages import CommandLine

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\[[^\]]*\])?\+?=")
# After these a command begins.
_KEYWORDS = frozenset({"then", "do", "else", "elif", "if", "while", "until", "{", "!", "time"})
_ASSIGNING = frozenset({"export", "local", "readonly", "declare", "typeset"})
# `: "${NAME:?}"` is the idiom for a variable that must be there, and nothing is done with it.
_IDLE = frozenset({":", "true"})
# They only write what they are given, whatever it says.
_WRITING = frozenset({"echo", "printf"})


@dataclass
class Command:
    """What has been read of it."""

    first: str = ""
    line: CommandLine = field(default_factory=CommandLine)
    is_target: bool = False
    """The next word is that of a redirection."""
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

    def takes_code(self, begun: str) -> bool:
        """Say whether the next word, which begins so, is read as code."""
        if self.is_target or self.first in _WRITING:
            return False
        return self.first == "eval" or self.line.code(begun) is not None

    @property
    def reads_code(self) -> bool:
        """Whether what it is given to read is code."""
        return self.line.reads_code

    def forget(self) -> None:
        """Begin anew, as after the head of a function."""
        self.first, self.line, self.start = "", CommandLine(), None

    def assigns(self, word: str) -> bool:
        """Say whether a word that begins so is an assignment, whose value is not split."""
        return self.first in {"", *_ASSIGNING} and bool(_ASSIGNMENT.match(word))

    def take(self, word: str) -> int:
        """Take note of a word; return 1 where a `case` begins, -1 where one ends."""
        if self.is_target:
            self.is_target = False
            return 0
        if self.is_test and word == "]]":
            self.first = word
        if self.first == "function":
            self.forget()
            return 0
        if not self.first and (word in _KEYWORDS or _ASSIGNMENT.match(word)):
            return 0
        self.line.take(word)
        if self.first:
            return 0
        self.first = word
        return {"case": 1, "esac": -1}.get(word, 0)
