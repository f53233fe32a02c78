"""Where the alert's text would be code or fall apart, where nothing is rendered; and nowhere else."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from make import a_container, a_manifest

from function.tools.documents import Text
from function.tools.lint import scripts
from function.tools.lint.shell import uses
from function.tools.lint.written import Written

ROOT = Path(__file__).parent.parent


def said(manifest: dict[str, Any]) -> list[str]:
    text = Text("-", yaml.safe_dump(manifest))
    return [each.code for each in scripts.findings(Written(text, manifest))]


def running(*command: Any, **fields: Any) -> list[str]:
    """The codes for a container that runs a command line."""
    return said(a_manifest({"containers": [a_container(command=list(command), **fields)]}))


def unquoted(script: str) -> list[str]:
    """The variables of ours that stand outside of quotes in a script."""
    return [use.name for use in uses(script) if use.name.startswith("OPENFERO_")]


@pytest.mark.parametrize(
    "command",
    [
        ["sh", "-c", "kubectl delete pod $(OPENFERO_POD)"],
        ["sh", "-c", 'kubectl delete pod "$(OPENFERO_POD)"'],
        ["sh", "-c", "kubectl delete pod '$(OPENFERO_POD)'"],
        ["/bin/bash", "-euc", "echo $(OPENFERO_POD)"],
        ["bash", "-euo", "pipefail", "-c", "echo $(OPENFERO_POD)"],
        ["bash", "-o", "pipefail", "-ec", "echo $(OPENFERO_POD)"],
        ["bash", "--norc", "-c", "--", "echo $(OPENFERO_POD)"],
        ["/usr/bin/env", "bash", "-c", "echo $(OPENFERO_POD)"],
        ["busybox", "sh", "-c", "echo $(OPENFERO_POD)"],
        ["timeout", "60", "ash", "-c", "echo $(OPENFERO_POD)"],
        ["kubectl", "exec", "x", "--", "sh", "-c", "echo $(OPENFERO_POD)"],
        ["dash", "-c", "echo $(TRACEPARENT)"],
        ["python3", "-c", "print('$(OPENFERO_POD)')"],
        ["python3.13", "-Ic", "print('$(OPENFERO_POD)')"],
        ["perl", "-ne", "print '$(OPENFERO_POD)'"],
        ["node", "--eval", "console.log('$(OPENFERO_POD)')"],
        ["node", "--eval=console.log('$(OPENFERO_POD)')"],
        ["pwsh", "-Command", "Write-Output $(OPENFERO_POD)"],
        ["pwsh", "-NoProfile", "-ExecutionPolicy", "Bypass", "-c", "echo", "$(OPENFERO_POD)"],
        ["ssh", "-i", "/key", "node", "sudo reboot $(OPENFERO_POD)"],
        ["ssh", "node", "sudo", "reboot", "$(OPENFERO_POD)"],
        ["env", "-S", "echo $(OPENFERO_POD)"],
        ["/usr/bin/env", "-S", "bash -c", "echo $(OPENFERO_POD)"],
        ["su", "nobody", "-c", "echo $(OPENFERO_POD)"],
        ["psql", "-h", "db", "-c", "select '$(OPENFERO_POD)'"],
        ["/entrypoint.sh", "sh", "-c", "echo $(OPENFERO_POD)"],
    ],
)
def test_what_kubernetes_puts_into_code_is_an_injection(command: list[str]) -> None:
    assert running(*command) == ["shell-expansion"]


@pytest.mark.parametrize(
    "command",
    [
        ["kubectl", "delete", "pod", "$(OPENFERO_POD)"],
        ["sh", "-c", 'kubectl delete pod -- "$1"', "sh", "$(OPENFERO_POD)"],
        ["sh", "/scripts/repair.sh", "$(OPENFERO_POD)"],
        ["python3", "repair.py", "-c", "$(OPENFERO_POD)"],
        ["bash", "script.sh", "-c", "$(OPENFERO_POD)"],
        ["pwsh", "-File", "repair.ps1", "$(OPENFERO_POD)"],
        ["ssh", "-p", "22", "$(OPENFERO_NODE)", "uptime"],
        ["psql", "-v", "pod=$(OPENFERO_POD)", "-f", "repair.sql"],
        ["kubectl", "logs", "deploy/psql", "-c", "$(OPENFERO_CONTAINER)"],
        ["env", "POD=$(OPENFERO_POD)", "/repair"],
        ["python3", "-c", "import sys; print(sys.argv)", "$(OPENFERO_POD)"],
        # Kubernetes' own escape, and what it leaves alone.
        ["sh", "-c", "echo $$(OPENFERO_POD)"],
        ["sh", "-c", "echo $(date) $(hostname -f)"],
        # One plain word, whatever the alert says.
        ["sh", "-c", "cat $(OPENFERO_ALERT_FILE) $(OPENFERO_DEFINITION) $(OPENFERO_ALERT_STATUS)"],
        ["sh", "-c"],
        ["sh", "-c", None, 7],
        [],
    ],
)
def test_an_argument_that_is_no_code_may_be_expanded(command: list[Any]) -> None:
    assert running(*command) == []


def test_the_script_may_stand_in_args() -> None:
    assert running("sh", "-c", args=["echo $(OPENFERO_POD)"]) == ["shell-expansion"]


def test_of_an_image_that_is_a_shell_the_script_stands_in_args_alone() -> None:
    def given(*args: str) -> list[str]:
        container = a_container(args=list(args))
        container.pop("command", None)
        return said(a_manifest({"containers": [container]}))

    assert given("-c", "echo $(OPENFERO_POD)") == ["shell-expansion"]
    assert given("-euc", "echo $(OPENFERO_POD)") == ["shell-expansion"]
    assert given("-c", "$(OPENFERO_CONTAINER)") == []
    assert given("-c", "$OPENFERO_CONTAINER") == []
    assert given("logs", "-c", "$(OPENFERO_CONTAINER)") == []


@pytest.mark.parametrize(
    "word", ["$OPENFERO_POD", "${OPENFERO_POD}", "pod/$OPENFERO_POD", "--pod=${OPENFERO_POD}"]
)
def test_a_variable_where_no_shell_runs_is_expanded_by_nobody(word: str) -> None:
    assert running("kubectl", "delete", "pod", word) == ["not-expanded"]


@pytest.mark.parametrize(
    "command",
    [
        ["kubectl", "delete", "pod", "$(OPENFERO_POD)"],
        ["kubectl", "delete", "pod", "$OPENFERO_POD is a text"],
        ["kubectl", "delete", "pod", "${OPENFERO_POD", "$OPENFERO_", "$OTHER"],
        ["sh", "-c", 'kubectl delete pod -- "$1"', "sh", "$OPENFERO_POD"],
        ["kubectl", "exec", "x", "--", "sh", "-c", 'echo "$OPENFERO_POD"'],
        ["envsubst", "$OPENFERO_POD"],
        ["env", "-S", "repair ${OPENFERO_POD}"],
        ["/entrypoint.sh", "$OPENFERO_POD"],
        ["python3", "repair.py", "$OPENFERO_POD"],
    ],
)
def test_what_may_be_expanded_after_all_is_left_alone(command: list[str]) -> None:
    assert running(*command) == []


def test_a_variable_that_takes_from_ours_is_no_better() -> None:
    env = [
        {"name": "TARGET", "value": "pod/$(OPENFERO_POD)"},
        {"name": "AGAIN", "value": "$(TARGET)"},
    ]
    assert running("sh", "-c", "echo $(AGAIN)", env=env) == ["shell-expansion"]
    assert running("sh", "-c", 'echo "$AGAIN"', env=env) == []
    assert running("sh", "-c", "echo $AGAIN", env=env) == ["unquoted-variable"]


def test_a_variable_of_the_authors_own_is_the_authors_text() -> None:
    env = [
        {"name": "OPENFERO_POD", "value": "always-this-one"},
        {"name": "TARGET", "value": "$$(OPENFERO_NODE)"},
    ]
    assert running("sh", "-c", "echo $(OPENFERO_POD) $(TARGET) $OPENFERO_POD", env=env) == []


def test_the_file_as_a_variable_is_the_alerts_text() -> None:
    field = {"fieldPath": "metadata.annotations['openfero.io/alert']"}
    env = [{"name": "ALERT", "valueFrom": {"fieldRef": field}}]
    assert running("sh", "-c", "echo '$(ALERT)'", env=env) == ["shell-expansion"]


@pytest.mark.parametrize(
    "script",
    [
        "echo $OPENFERO_POD",
        "echo ${OPENFERO_POD}",
        "echo ${OPENFERO_POD:-none}",
        "echo ${OPENFERO_POD%%/*}",
        "echo ${other:-$OPENFERO_POD}",
        'echo "pod: "$OPENFERO_POD',
        "echo pod/$OPENFERO_POD",
        "echo a#$OPENFERO_POD",
        "[ $OPENFERO_POD = x ]",
        "test -n $OPENFERO_POD",
        "if test $OPENFERO_POD = x; then echo; fi",
        "for each in $OPENFERO_POD; do echo; done",
        "echo `cat $OPENFERO_POD`",
        'echo "`cat $OPENFERO_POD`"',
        'echo "$(cat $OPENFERO_POD)"',
        "echo > $OPENFERO_POD",
        "x=1 command $OPENFERO_POD",
        "all=($OPENFERO_POD)",
        "echo it\\'s $OPENFERO_POD",
        "echo 'it'\\''s' $OPENFERO_POD",
        "echo $$OPENFERO_POD",
        "case a in a) echo $OPENFERO_POD ;; esac",
        "x=$(case a in (a) echo $OPENFERO_POD;; esac)",
        "cat <<EOF\n$(echo $OPENFERO_POD)\nEOF\n",
        "cat <<EOF\n'\nEOF\necho $OPENFERO_POD",
        "cat <<'EOF' | tee $OPENFERO_POD\nEOF\n",
        'cat <<-EOF\n\t"\n\tEOF\necho $OPENFERO_POD',
        "[[ a == b ]] && echo $OPENFERO_POD",
        "echo $((1 + 2)) $OPENFERO_POD",
        "f() { echo $OPENFERO_POD; }",
        "( echo $OPENFERO_POD )",
        "! grep $OPENFERO_POD file",
        "f () { echo $OPENFERO_POD; }",
        "function f { echo $OPENFERO_POD; }",
        "f() { local p=x; echo $OPENFERO_POD; }",
        "bash script.sh -c $OPENFERO_POD",
        # A text as it came, whatever it looks like.
        "echo $OPENFERO_ALERT_STARTS_AT",
    ],
)
def test_a_variable_outside_of_quotes_is_found(script: str) -> None:
    assert unquoted(script) == [re.search(r"OPENFERO_[A-Z_]+", script)[0]]


@pytest.mark.parametrize(
    "script",
    [
        'echo "$OPENFERO_POD"',
        'echo "a ${OPENFERO_POD:-none} b"',
        'echo "it\'s $OPENFERO_POD"',
        'echo "\\"$OPENFERO_POD"',
        'echo "$(cat "$OPENFERO_POD")"',
        'echo "${x:-$OPENFERO_POD}"',
        "echo '$OPENFERO_POD'",
        "echo $'it\\'s $OPENFERO_POD'",
        "echo \\$OPENFERO_POD",
        "# echo $OPENFERO_POD",
        "echo # $OPENFERO_POD",
        "pod=$OPENFERO_POD",
        "pod=$OPENFERO_POD node=x-$OPENFERO_NODE",
        "export pod=$OPENFERO_POD",
        "if true; then pod=$OPENFERO_POD; fi",
        "case $OPENFERO_POD in a) ;; esac",
        "[[ $OPENFERO_POD == a* || $OPENFERO_POD =~ b ]]",
        "[[\n$OPENFERO_POD == a\n]]",
        ": ${OPENFERO_POD:?is missing}",
        "echo ${#OPENFERO_POD}",
        "echo ${OPENFERO_POD:+yes} ${OPENFERO_POD+yes}",
        "echo $((OPENFERO_COUNT + $OPENFERO_COUNT))",
        "(( $OPENFERO_COUNT > 3 ))",
        "cat <<EOF\n$OPENFERO_POD\nEOF\n",
        "cat <<'EOF'\n$(echo $OPENFERO_POD)\nEOF\n",
        "kubectl apply -f - <<-EOF\n\tname: ${OPENFERO_POD}\n\tEOF\n",
        'grep x <<< $OPENFERO_POD',
        'sh -c \'echo "$1"\' sh "$OPENFERO_POD"',
        "eval 'echo \"$OPENFERO_POD\"'",
        "ok() { [[ $OPENFERO_POD == web-* ]]; }",
        "ok () { [[ $OPENFERO_POD == web-* ]]; }",
        "function ok { [[ $OPENFERO_POD == web-* ]]; }",
        "log() { local p=$OPENFERO_POD; }",
        'bash script.sh -c "$OPENFERO_POD"',
        'bash script.sh <<EOF\n"$OPENFERO_POD"\nEOF\n',
        'bash /repair.sh 2>&1 -c "$OPENFERO_POD"',
        'python3 repair.py -c "$OPENFERO_POD"',
        "python3 -c 'import os; print(os.environ[\"OPENFERO_POD\"])'",
        'psql -v pod="$OPENFERO_POD" -f repair.sql',
        'ssh "$OPENFERO_NODE" uptime',
        'ssh -i "$OPENFERO_KEY" node uptime',
        'kubectl logs deploy/psql -c "$OPENFERO_CONTAINER"',
        'printf "%s" sh -c "$OPENFERO_POD"',
        'command -v psql; echo "$OPENFERO_POD"',
    ],
)  # fmt: skip
def test_a_variable_that_stays_one_word_is_not(script: str) -> None:
    assert unquoted(script) == []


@pytest.mark.parametrize(
    "script",
    [
        'eval "echo $OPENFERO_POD"',
        'bash -c "echo $OPENFERO_POD"',
        'kubectl exec x -- /bin/sh -ec "echo $OPENFERO_POD"',
        'su nobody -c "echo $OPENFERO_POD"',
        "bash <<EOF\necho $OPENFERO_POD\nEOF\n",
        "bash 2> log <<EOF\necho $OPENFERO_POD\nEOF\n",
        'bad() { eval "$OPENFERO_POD"; }',
        "python3 -c \"print('$OPENFERO_POD')\"",
        "python3 - <<EOF\nprint('$OPENFERO_POD')\nEOF\n",
        "psql -h db -c \"select '$OPENFERO_POD'\"",
        "psql --command=\"select '$OPENFERO_POD'\"",
        "psql <<EOF\nselect '$OPENFERO_POD'\nEOF\n",
        'ssh -i key node "reboot $OPENFERO_POD"',
        "ssh node reboot $OPENFERO_POD",
        "ssh node <<EOF\nreboot $OPENFERO_POD\nEOF\n",
        'pwsh -Command "Write-Output $OPENFERO_POD"',
    ],
)
def test_quotes_do_not_help_where_a_text_is_read_as_code_once_more(script: str) -> None:
    assert [use.is_code for use in uses(script)] == [True]


@pytest.mark.parametrize(
    "script", ["$(" * 10_000, "${x:-" * 10_000, "`" * 999, "((", "<<", "<<EOF", "'", '"', "\\", "$"]
)
def test_what_is_no_script_ends_the_search_and_nothing_else(script: str) -> None:
    uses(script)


@pytest.mark.parametrize(
    "template",
    [
        "{{ $labels.pod }}",
        "{{ $value }}",
        "{{ .Labels.pod }}",
        "{{ .CommonLabels.pod }}",
        "{{ .GroupLabels.alertname }}",
        "{{ range .Alerts }}{{ .Labels.pod }}{{ end }}",
        "{{ .Values.namespace }}",
        "{{ .Release.Name }}",
        "$labels.pod",
    ],
)
def test_a_template_of_rules_alertmanager_or_helm_is_rendered_by_nobody(template: str) -> None:
    assert "template-syntax" in running("sh", "-c", f"echo '{template}'")
    assert "template-syntax" in running("repair", env=[{"name": "A", "value": template}])
    assert "template-syntax" in said(a_manifest({"serviceAccountName": template}))


def test_outside_of_a_command_line_no_template_is_meant() -> None:
    assert running("repair", image="{{ image }}") == ["template-syntax"]


@pytest.mark.parametrize(
    "text",
    [
        "kubectl get pod x -o go-template='{{.status.phase}}'",
        "kubectl get pod x -o go-template='{{range .items}}{{.metadata.labels.app}}{{end}}'",
        "kubectl get x -o go-template='{{range $key, $value := .data}}{{$value}}{{end}}'",
        "docker ps --format '{{.Names}} {{.Labels}}'",
        "docker inspect --format '{{.Config.Labels.app}} {{json .}}' x",
        "kubectl get pod -o jsonpath='{.items[*].metadata.name}'",
        "jq '{a: {b: .c}}'",
        'labels=x; cat "$labels.txt"',
        "echo \\$labels.pod",
        "echo $mylabels.pod $$labels.pod",
    ],
)
def test_the_syntax_of_a_program_is_its_own(text: str) -> None:
    assert "template-syntax" not in running("sh", "-c", text)


def test_an_annotation_may_be_a_template_for_who_watches_pods() -> None:
    manifest = a_manifest()
    note = {"vault.hashicorp.com/agent-inject-template-x": '{{ with secret "a" }}{{ end }}'}
    manifest["spec"]["template"]["metadata"] = {"annotations": note}
    assert said(manifest) == []


IN_A_BLOCK = """\
kind: Job
spec:
  template:
    spec:
      containers:
        - command: [sh, -euc]
          args:
            - |
              set -x

              echo "$OPENFERO_POD"
              echo $OPENFERO_POD
              echo "$(OPENFERO_POD)" {{ $labels.pod }}
"""


def test_a_finding_stands_at_the_line_of_the_script() -> None:
    text = Text("job.yaml", IN_A_BLOCK, first_line=101)
    found = scripts.findings(Written(text, text.value()))
    assert {(each.code, each.place.line) for each in found} == {
        ("unquoted-variable", 112),
        ("shell-expansion", 113),
        ("template-syntax", 113),
    }


def test_a_script_that_comes_by_a_merge_key_is_found_where_it_is_merged() -> None:
    text = Text(
        "job.yaml",
        "base: &base\n  command: [sh, -c, 'echo $(OPENFERO_POD)']\n"
        "spec:\n  template:\n    spec:\n      containers:\n        - <<: *base\n          name: x\n",
    )
    [found] = scripts.findings(Written(text, text.value()))
    assert (found.code, found.place.line) == ("shell-expansion", 7)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "knative" / "definitions").glob("*/definition.yaml"))
)
def test_our_own_definitions_are_safe(path: Path) -> None:
    for definition in yaml.safe_load_all(path.read_text()):
        for manifest in (definition or {}).get("data", {}).values():
            text = Text(str(path), manifest)
            assert list(scripts.findings(Written(text, text.value()))) == []
