r"""What may be a name, a label, an environment variable: the API's own rules and words.

Each `why_not_` function takes a text and returns what is wrong with it, as the API
server says it; an empty list means that it may be used. Pure. The rules are those of
k8s.io/apimachinery/pkg/util/validation.
"""

import re

LABEL_LENGTH = 63
SUBDOMAIN_LENGTH = 253

_NAME = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_DNS_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_DNS_LABEL}(\.{_DNS_LABEL})*"
_LABEL_VALUE = f"({_NAME})?"
_CONFIG_KEY = r"[-._a-zA-Z0-9]+"

_ALPHANUMERIC = "and must start and end with an alphanumeric character"


def why_not_dns_label(text: str) -> list[str]:
    """For names of containers, volumes and namespaces."""
    what = f"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', {_ALPHANUMERIC}"
    return _too_long(text, LABEL_LENGTH) + _mismatch(text, _DNS_LABEL, what, "my-name", "123-abc")


def why_not_subdomain(text: str) -> list[str]:
    """For names of most objects."""
    what = f"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', {_ALPHANUMERIC}"
    return _too_long(text, SUBDOMAIN_LENGTH) + _mismatch(text, _SUBDOMAIN, what, "example.com")


def why_not_label_value(text: str) -> list[str]:
    """For the value of a label, which may be empty."""
    what = f"a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', {_ALPHANUMERIC}"
    examples = "MyValue", "my_value", "12345"
    return _too_long(text, LABEL_LENGTH, "bytes") + _mismatch(text, _LABEL_VALUE, what, *examples)


def why_not_qualified_name(text: str) -> list[str]:
    """For the key of a label or annotation: a name, with a subdomain and `/` before it or not."""
    prefix, slash, name = text.rpartition("/")
    if "/" in prefix:
        what = _name_rule("a valid label key")
        return [f"{what} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
    found = [f"prefix part {why}" for why in _empty(prefix) or why_not_subdomain(prefix)]
    rules = _empty(name) + _too_long(name, LABEL_LENGTH, "bytes")
    why = [f"name part {rule}" for rule in rules]
    if not re.fullmatch(_NAME, name):
        why.append(_name_rule("name part"))
    return (found if slash else []) + why


def why_not_env_name(text: str) -> list[str]:
    """For an environment variable; since 1.30 all printable ASCII but `=`."""
    if re.fullmatch(r"[ -<>-~]+", text):
        return []
    return [
        "a valid environment variable name must consist only of printable ASCII characters other than '='"
    ]


def why_not_config_key(text: str) -> list[str]:
    """For a key in the data of a ConfigMap."""
    if text in (".", ".."):
        return [f"must not be '{text}'"]
    if text.startswith(".."):
        return ["must not start with '..'"]
    what = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
    examples = "key.name", "KEY_NAME", "key-name"
    return _too_long(text, SUBDOMAIN_LENGTH) + _mismatch(text, _CONFIG_KEY, what, *examples)


def why_not_path_segment(text: str) -> list[str]:
    """For the name of a Role: whatever can be one step of a path."""
    if text in (".", ".."):
        return [f"may not be '{text}'"]
    return [f"may not contain '{each}'" for each in "/%" if each in text]


def _name_rule(subject: str) -> str:
    what = f"{subject} must consist of alphanumeric characters, '-', '_' or '.', {_ALPHANUMERIC}"
    return _explain(what, _NAME, "MyName", "my.name", "123-abc")


def _empty(text: str) -> list[str]:
    return [] if text else ["must be non-empty"]


def _too_long(text: str, limit: int, unit: str = "characters") -> list[str]:
    # It always counts bytes; only the rules for labels say so.
    return [] if len(text.encode()) <= limit else [f"must be no more than {limit} {unit}"]


def _mismatch(text: str, pattern: str, what: str, *examples: str) -> list[str]:
    return [] if re.fullmatch(pattern, text) else [_explain(what, pattern, *examples)]


def _explain(what: str, pattern: str, *examples: str) -> str:
    # "',  or '" with two spaces is how the API server writes it.
    listed = ",  or ".join(f"'{example}'" for example in examples)
    return f"{what} (e.g. {listed}, regex used for validation is '{pattern}')"
