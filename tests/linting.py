"""What the tests of `openfero lint` begin with: a definition without any fault, as YAML."""

from textwrap import indent

from function.tools.documents import Text
from function.tools.lint.check import Report, check_texts

JOB = """\
apiVersion: batch/v1
kind: Job
spec:
  backoffLimit: 1
  activeDeadlineSeconds: 600
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: repair
          image: busybox:1.37.0
          command: [echo, repaired]
          resources: {requests: {cpu: 10m}, limits: {memory: 32Mi}}
"""


def a_definition(
    name: str = "openfero-poddown-firing",
    metadata: str = "",
    manifest: str = JOB,
    key: str = "PodDown",
    more: str = "",
) -> str:
    """Return a ConfigMap; `metadata` is YAML that stands below the name, `more` below its data.

    The manifest begins in line 8, and a line later for each line of metadata.
    """
    return (
        "apiVersion: v1\n"
        "kind: ConfigMap\n"
        "metadata:\n"
        f"  name: {name}\n"
        "  namespace: openfero-jobs\n"
        f"{indent(metadata, '  ')}"
        "data:\n"
        f"  {key}: |\n"
        f"{indent(manifest, '    ')}"
        f"{more}"
    )


def annotated(**annotations: str) -> str:
    """Return guard rails as YAML, by their short names with `_` for `-`; their lines begin at 7."""
    lines = (
        f"  openfero.io/{name.replace('_', '-')}: {text}\n" for name, text in annotations.items()
    )
    return "annotations:\n" + "".join(lines)


def check(*texts: str) -> Report:
    """Check texts, each a file of its own: a.yaml, b.yaml…"""
    return check_texts(
        [Text(f"{name}.yaml", text) for name, text in zip("abc", texts, strict=False)]
    )


def found(*texts: str) -> list[str]:
    """Return line and code of each finding, such as `4 name`."""
    return [f"{each.place.line} {each.code}" for each in check(*texts).findings]


def told(*texts: str) -> str:
    """Return the message of the only finding."""
    [finding] = check(*texts).findings
    return finding.message
