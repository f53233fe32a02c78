"""Which expansions in a shell script stand outside of quotes: a small scanner of POSIX quoting.

It knows what a shell does with quotes, `$(...)`, here-documents, comments, `case`, `[[ ]]` and
assignments, and nothing of what the commands do. Where a script is no shell it finds less, never
fails.
"""

import re
from contextlib import suppress
from dataclasses import dataclass, field

from function.tools.lint.shell_command import Command

# A person's script has a handful; Python's own limit must not be met.
_MAX_DEPTH = 40
# Of a word, what says whether it is a command, an option or an assignment.
_LONGEST = 200
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BRACED = re.compile(r"\$\{([#!]?)([A-Za-z_][A-Za-z0-9_]*)(:?[-+=?]|)")
_FUNCTION = re.compile(r"\([ \t]*\)")
# The text after it is not split.
_WORD = re.compile(r"<<< *")
_TWO = re.compile(r"[<>][>&]")
_HERE = re.compile(r"<<(?!<)(-?)[ \t]*(\\?['\"]?)([^\s'\";&|<>()]+)['\"]?")


@dataclass(frozen=True, order=True)
class Use:
    """Where a script uses a variable in a way that its value can break out of."""

    offset: int
    name: str
    is_code: bool
    """In quotes or not, the value is read as code: `eval`, or a shell in the shell."""


def uses(script: str) -> list[Use]:
    """Return the unsafe uses of variables in a script."""
    scanner = _Scanner(script)
    with suppress(_TooDeep):
        scanner.commands("")
    return sorted(scanner.found)


class _TooDeep(Exception):
    """Nested as no person writes."""


@dataclass
class _Scanner:
    text: str
    position: int = 0
    depth: int = 0
    found: set[Use] = field(default_factory=set)
    here: list[tuple[str, bool, bool, bool]] = field(default_factory=list)
    """Here-documents that begin at the next line: delimiter, tabs go, quoted, read as code."""

    def sees(self, text: str) -> bool:
        return self.text.startswith(text, self.position)

    def commands(self, closer: str) -> None:
        """Read commands up to what closes them."""
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise _TooDeep
        command, cases = Command(), 0
        while self.position < len(self.text):
            char = self.text[self.position]
            is_pattern_end = char == ")" and cases > 0
            if char == closer and not is_pattern_end:
                self.end_word(command)
                break
            if char in " \t\n;&|)":
                cases += self.end_word(command)
                if char not in " \t" and not command.is_test:
                    command = Command()
                self.position += 1
                if char == "\n":
                    self.here_documents()
            elif char == "#" and command.start is None:
                self.skip_to("\n")
            else:
                self.piece(command)
        self.position += 1
        self.depth -= 1

    def end_word(self, command: Command) -> int:
        """Take note of a word; return 1 where a `case` begins, -1 where one ends."""
        if command.start is None:
            return 0
        word = self.begun(command)
        command.start = None
        return command.take(word)

    def begun(self, command: Command) -> str:
        """Return the word that is being read, as far as anybody asks."""
        start = command.start or 0
        return self.text[start : min(self.position, start + _LONGEST)]

    def piece(self, command: Command) -> None:
        """Read the next part of a word."""
        char = self.text[self.position]
        if char in "<>":
            self.redirection(command)
            return
        if char == "(":
            self.parenthesis(command)
            return
        if command.start is None:
            command.start = self.position
        if char == "\\":
            self.position += 2
        elif char == "'":
            self.position += 1
            self.skip_past("'")
        elif char == '"':
            self.position += 1
            self.double_quoted(command.takes_code(self.begun(command)))
        elif char in "$`":
            begun = self.begun(command)
            is_safe = command.is_safe or command.assigns(begun)
            self.expansion(is_safe, command.takes_code(begun))
        else:
            self.position += 1

    def redirection(self, command: Command) -> None:
        if self.begun(command).isdigit():  # as in 2>
            command.start = None
        self.end_word(command)
        if match := _HERE.match(self.text, self.position):
            self.here.append((match[3], bool(match[1]), bool(match[2]), command.reads_code))
            self.position = match.end()
        elif match := _WORD.match(self.text, self.position):
            self.position = match.end()
            if self.sees("$"):
                self.expansion(True, False)
        else:
            self.position += 2 if _TWO.match(self.text, self.position) else 1
            command.is_target = not command.is_test

    def parenthesis(self, command: Command) -> None:
        if command.is_test:
            self.position += 1
        elif match := _FUNCTION.match(self.text, self.position):
            self.position = match.end()
            command.forget()
        elif self.sees("((") and not command.first:
            self.arithmetic()
        else:
            self.position += 1
            command.is_target = False
            self.commands(")")
            if command.first == "case":  # that was a pattern
                command.forget()

    def here_documents(self) -> None:
        pending, self.here = self.here, []
        for delimiter, strips_tabs, is_quoted, is_code in pending:
            begin = self.position
            tabs = "\t*" if strips_tabs else ""
            end = re.compile(rf"^{tabs}{re.escape(delimiter)}$", re.MULTILINE)
            match = end.search(self.text, begin)
            stop = match.start() if match else len(self.text)
            while not is_quoted and self.position < stop:
                self.inside_quotes(is_code)
            self.position = match.end() if match else len(self.text)

    def double_quoted(self, is_code: bool) -> None:
        while self.position < len(self.text) and not self.sees('"'):
            self.inside_quotes(is_code)
        self.position += 1

    def inside_quotes(self, is_code: bool) -> None:
        if self.sees("\\"):
            self.position += 2
        elif self.sees("$") or self.sees("`"):
            self.expansion(True, is_code)
        else:
            self.position += 1

    def expansion(self, is_safe: bool, is_code: bool) -> None:
        """Read what `$` or a backtick begins."""
        if self.sees("`"):
            self.position += 1
            self.commands("`")
        elif self.sees("$(("):
            self.position += 1
            self.arithmetic()
        elif self.sees("$("):
            self.position += 2
            self.commands(")")
        elif self.sees("${"):
            self.braced(is_safe, is_code)
        elif self.sees("$'") and not is_safe:
            self.position += 2
            while self.position < len(self.text) and not self.sees("'"):
                self.position += 2 if self.sees("\\") else 1
            self.position += 1
        else:
            # Of `$$`, Kubernetes leaves one.
            self.position += 1
            if match := _NAME.match(self.text, self.position):
                self.add(self.position - 1, match[0], is_safe, is_code)
                self.position = match.end()

    def braced(self, is_safe: bool, is_code: bool) -> None:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise _TooDeep
        match = _BRACED.match(self.text, self.position)
        # Its length is a number, and `+` stands for another text.
        if match and not match[1] and not match[3].endswith("+"):
            self.add(self.position, match[2], is_safe, is_code)
        self.position = match.end() if match else self.position + 2
        while self.position < len(self.text) and not self.sees("}"):
            if self.sees('"') and not is_safe:
                self.position += 1
                self.double_quoted(is_code)
            elif self.sees("'") and not is_safe:
                self.position += 1
                self.skip_past("'")
            elif self.sees("\\"):
                self.position += 2
            elif self.sees("$") or self.sees("`"):
                self.expansion(is_safe, is_code)
            else:
                self.position += 1
        self.position += 1
        self.depth -= 1

    def arithmetic(self) -> None:
        """Skip `((...))`: nothing is split in it."""
        open_ = 0
        while self.position < len(self.text):
            open_ += {"(": 1, ")": -1}.get(self.text[self.position], 0)
            self.position += 1
            if open_ == 0:
                return

    def add(self, offset: int, name: str, is_safe: bool, is_code: bool) -> None:
        if is_code or not is_safe:
            self.found.add(Use(offset, name, is_code))

    def skip_to(self, mark: str) -> None:
        found = self.text.find(mark, self.position)
        self.position = found if found >= 0 else len(self.text)

    def skip_past(self, mark: str) -> None:
        self.skip_to(mark)
        self.position += 1
