"""Command lines, word by word: which word is code, and of what language.

They may stand in a manifest or in a script. The program may be anywhere in one, as in `env`,
`timeout 60 sh -c` or `kubectl exec … -- sh -c`.
"""

import re
from dataclasses import dataclass

_NONE = r"(?!)"
_SHELL = r"-[a-zA-Z]*c"
_ATTACHED = re.compile(r"(--[a-z-]+)=")
# Not of `deploy/psql`, which is a thing of kubectl's.
_PROGRAM = re.compile(r"(?:(?:\.{0,2}|~)/.*/|\.{0,2}/)?([^/]+)")


@dataclass(frozen=True)
class Language:
    """Programs that read a word as code, and which it is."""

    names: str
    option: str
    """After it code follows, or else after the first word that is no option."""
    variable: str
    """How the code reads a variable; `{}` is the name."""
    is_shell: bool = False
    takes_word: str = _NONE
    """Options whose next word is theirs."""
    is_loose: bool = False
    """Options may follow other words; for the others such a word is a file to run."""
    takes_rest: bool = False
    """All words to the end are code."""
    is_line: bool = False
    """The code is a command line itself."""


LANGUAGES = (
    Language(
        r"sh|bash|ash|dash|ksh|mksh|zsh",
        _SHELL,
        '"${}"',
        is_shell=True,
        # `-o pipefail`, `-eo pipefail`, `--rcfile file`
        takes_word=r"[-+][a-zA-Z]*[oO]|--rcfile|--init-file",
    ),
    Language(r"su|runuser", rf"{_SHELL}|--command", '"${}"', is_shell=True, is_loose=True),
    Language(r"python[0-9.]*", _SHELL, 'os.environ["{}"]', takes_word="-[WX]"),
    Language(r"perl", r"-[a-zA-Z]*[eE]", "$ENV{{{}}}"),
    Language(r"ruby", r"-[a-zA-Z]*e", 'ENV["{}"]'),
    Language(r"node|nodejs", r"-[a-zA-Z]*[ep]|--eval|--print", "process.env.{}"),
    Language(r"php", r"-r", 'getenv("{}")'),
    Language(
        r"pwsh|powershell",
        r"(?i:-c(?:o(?:m(?:m(?:a(?:n(?:d)?)?)?)?)?)?|-commandwithargs|-cwa)",
        "$env:{}",
        takes_word=r"(?i:-ex\w*|-ep|-o|-outputformat|-i\w*|-w\w*|-settings\w*|-v\w*|-config\w*)",
        takes_rest=True,
    ),
    Language(
        r"psql",
        rf"{_SHELL}|--command",
        "a variable of psql, as -v of psql sets it and :'…' reads it from standard input, for ${}",
        is_loose=True,
    ),
    Language(
        r"ssh",
        "",
        'a shell here, and pipe "${}" into ssh',
        takes_word=r"-[BbcDEeFIiJLlmOopQRSWw]",
        takes_rest=True,
    ),
    Language(r"env", r"-[a-zA-Z]*S|--split-string", "${{{}}}", is_line=True),
)


def _language(word: str) -> tuple[str, Language | None]:
    match = _PROGRAM.fullmatch(word)
    for language in LANGUAGES if match else ():
        if match and re.fullmatch(language.names, match[1]):
            return match[1], language
    return "", None


class CommandLine:
    """What has been read of one."""

    def __init__(self) -> None:
        self.program = ""
        self._language: Language | None = None
        self._awaits_code = self._skips = self._is_in_code = self._is_over = False

    @property
    def reads_code(self) -> bool:
        """Whether what the program is given to read is code."""
        language = self._language
        if not language or language.is_line or self._is_over:
            return False
        return not self._is_in_code if not language.option else not self._awaits_code

    def code(self, begun: str) -> Language | None:
        """Return the language of the next word, which begins so, if it is code."""
        language = self._language
        if not language or self._skips or self._is_over:
            return None
        if self._awaits_code:
            is_option = begun.startswith(("-", "+")) and not self._is_in_code
            return None if is_option else language
        attached = _ATTACHED.match(begun)
        return language if attached and re.fullmatch(language.option, attached[1]) else None

    def take(self, word: str) -> None:
        """Take note of the next word."""
        language = self._language
        if self._is_over:
            return
        if language and self.code(word):
            self._is_in_code, self._is_over = True, not (language.takes_rest or language.is_line)
            if language.is_line:
                self._language, self._awaits_code, self._is_in_code = None, False, False
                for each in word.split():
                    self.take(each)
        elif self._skips:
            self._skips = False
        elif language and word.startswith(("-", "+")) and len(word) > 1:
            self._awaits_code |= bool(language.option and re.fullmatch(language.option, word))
            self._skips = bool(re.fullmatch(language.takes_word, word))
        else:
            self._take_operand(word)

    def _take_operand(self, word: str) -> None:
        program, started = _language(word)
        if self._language and not self._language.option:
            self._awaits_code = True  # the host is named
        elif started:
            self.program, self._language = program, started
        elif self._language and not self._language.is_loose and word != "-":
            self._language = None
