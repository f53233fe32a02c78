"""The API server's own rules for what a Job says about failed and finished pods. Pure."""

from collections.abc import Iterator
from typing import Any

from function.local.findings import Finding, invalid, required, unsupported

Manifest = dict[str, Any]

_ACTIONS = "Count", "FailIndex", "FailJob", "Ignore"
_NOT_INDEXED = "requires indexed completion mode"


def policy_rules(spec: Manifest) -> Iterator[Finding]:
    """The rules for policies, and for what only an indexed Job may have."""
    if "maxFailedIndexes" in spec and "backoffLimitPerIndex" not in spec:
        yield required("spec.backoffLimitPerIndex", "when maxFailedIndexes is specified")
    for field in "backoffLimitPerIndex", "maxFailedIndexes", "successPolicy":
        if field in spec:
            yield from _indexed(spec, field)
    for index, rule in enumerate(spec.get("podFailurePolicy", {}).get("rules", ())):
        yield from _failure(f"spec.podFailurePolicy.rules[{index}]", rule or {})
    if "podFailurePolicy" in spec:
        policy = spec["template"].get("spec", {}).get("restartPolicy")
        if policy not in ("Never", "", None):
            why = 'only "Never" is supported when podFailurePolicy is specified'
            yield invalid("spec.template.spec.restartPolicy", policy, why)


def _indexed(spec: Manifest, field: str) -> Iterator[Finding]:
    value = spec[field]
    if isinstance(value, int) and value < 0:
        yield invalid(f"spec.{field}", value, "must be greater than or equal to 0")
    if spec["completionMode"] != "Indexed":
        yield invalid(f"spec.{field}", value, _NOT_INDEXED)


def _failure(path: str, rule: Manifest) -> Iterator[Finding]:
    action, codes = rule.get("action", ""), rule.get("onExitCodes", {})
    if not action:
        yield required(f"{path}.action", f"valid values: {list(_ACTIONS)}")
    elif action not in _ACTIONS:
        yield unsupported(f"{path}.action", action, _ACTIONS)
    if not rule.get("onExitCodes") and not rule.get("onPodConditions"):
        yield invalid(path, "", "specifying one of OnExitCodes and OnPodConditions is required")
    if codes.get("operator") == "In":
        for index, value in enumerate(codes.get("values", ())):
            if value == 0:
                place = f"{path}.onExitCodes.values[{index}]"
                yield invalid(place, value, "must not be 0 for the In operator")
