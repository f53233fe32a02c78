"""The codes of findings: a public contract. docs/lint.md has a paragraph for each.

An error: the definition does not do, or does not only do, what it says. A warning: it may
fail its author on the day.
"""

from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    WARNING = "warning"


ERRORS = frozenset(
    {
        # The text.
        "yaml",
        "duplicate-key",
        "yaml-type",
        # The ConfigMap: which alert finds it.
        "name",
        "key",
        "alertname",
        "collision",
        "config-map",
        "job-disabled",
        # The Job in it.
        "not-a-job",
        "unknown-field",
        "misplaced-field",
        "wrong-type",
        "refused",
        "namespace",
        "copied-job",
        "broken",
        # What its containers run.
        "shell-expansion",
        "template-syntax",
        # Its guard rails.
        "guard-rail",
        "unknown-annotation",
        "on-resolved",
        "kueue-approval",
        # What the cluster says, with --server.
        "server",
        "missing-object",
    }
)

WARNINGS = frozenset(
    {
        "yaml-trap",
        "extra-key",
        "switched-off",
        "taken-out",
        "replaced",
        "no-alert-file",
        "short-ttl",
        "no-deadline",
        "never-runs",
        "latest-image",
        "bad-image",
        "no-resources",
        "privileged",
        "host-access",
        "unquoted-variable",
        "not-expanded",
        "contradiction",
        "server-warning",
        "not-checked",
    }
)


def severity(code: str) -> Severity:
    """Return how bad a finding with this code is."""
    return Severity.ERROR if code in ERRORS else Severity.WARNING
