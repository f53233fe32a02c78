#!/usr/bin/env bash
# Local development on a real cluster: kind, Prometheus and Alertmanager, Knative, the function,
# and one alert that goes all the way. Type it again after a change; what is there is kept.
#
# Not run in CI, which has no container engine: of this script the tests hold that it is sound
# shell, that it names a tool that is missing, and which commands it gives, to that cluster alone.
set -euo pipefail
cd "${BASH_SOURCE[0]%/*}/.."

KUBE_VERSION=${KUBE_VERSION:-v1.36.1}
PROM_OPERATOR_VERSION=${PROM_OPERATOR_VERSION:-89.1.0} # of the chart kube-prometheus-stack
KNATIVE_VERSION=${KNATIVE_VERSION:-v1.23.0}
JOB_SECONDS=${JOB_SECONDS:-180} # until an alert must have its Job

CLUSTER=openfero
CONTEXT=kind-$CLUSTER
# Knative asks no registry for what is tagged dev.local, and the manifests name this.
IMAGE=dev.local/openfero:dev
RELEASES=https://github.com/knative

say() { printf '== %s\n' "$*"; }
fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2 && exit 1; }

# No command may reach another cluster, whatever the current context is.
k() { kubectl --context "$CONTEXT" "$@"; }

check_tools() {
  local tool missing=()
  say "this needs docker, kind, kubectl, helm, make, the internet, and 8 GB of memory"
  for tool in docker kind kubectl helm make; do
    command -v "$tool" > /dev/null || missing+=("$tool")
  done
  ((${#missing[@]} == 0)) || fail "not installed: ${missing[*]}"
}

make_cluster() {
  say "a cluster of Kubernetes $KUBE_VERSION"
  kind get clusters | grep -x "$CLUSTER" > /dev/null ||
    kind create cluster --name "$CLUSTER" --image "kindest/node:$KUBE_VERSION" --wait 5m
}

install_knative() {
  say "Knative Serving $KNATIVE_VERSION, with Kourier"
  local serving=$RELEASES/serving/releases/download/knative-$KNATIVE_VERSION
  local kourier=$RELEASES-extensions/net-kourier/releases/download/knative-$KNATIVE_VERSION
  local class='{"data":{"ingress-class":"kourier.ingress.networking.knative.dev"}}'
  k apply --filename "$serving/serving-crds.yaml"
  k wait crd --all --for condition=Established --timeout 1m
  k apply --filename "$serving/serving-core.yaml" --filename "$kourier/kourier.yaml"
  k wait deployment --all --namespace knative-serving --for condition=Available --timeout 5m
  k patch configmap config-network --namespace knative-serving --type merge --patch "$class"
  k wait deployment --all --namespace kourier-system --for condition=Available --timeout 5m
}

install_function() {
  say "the function"
  make build ENGINE=docker IMAGE="$IMAGE" > /dev/null # it says to push, which is not needed
  kind load docker-image "$IMAGE" --name "$CLUSTER"
  k apply --kustomize knative/
  share_token
  k apply --kustomize knative/definitions/openferotest/
  # A pod of an older image goes; the next notification starts one of this.
  k delete pod --namespace openfero --selector serving.knative.dev/service=openfero --wait=false
  k wait ksvc openfero --namespace openfero --for condition=Ready --timeout 5m
}

# The same token for the function and for Alertmanager; one that is there stays.
share_token() {
  local namespace token
  token=$(k get secret openfero-token --namespace openfero --ignore-not-found \
    --output 'jsonpath={.data.token}' | base64 --decode)
  token=${token:-$(head -c 24 /dev/urandom | base64)}
  k create namespace monitoring --dry-run=client --output yaml | k apply --filename -
  for namespace in openfero monitoring; do
    k create secret generic openfero-token --namespace "$namespace" \
      --from-file token=<(printf %s "$token") --dry-run=client --output yaml |
      k apply --filename -
  done
}

install_prometheus() {
  say "kube-prometheus-stack $PROM_OPERATOR_VERSION, whose Alertmanager notifies the function"
  helm --kube-context "$CONTEXT" upgrade --install mmop kube-prometheus-stack \
    --repo https://prometheus-community.github.io/helm-charts \
    --version "$PROM_OPERATOR_VERSION" --namespace monitoring \
    --values knative/alertmanager/values.yaml --wait --timeout 10m
  k wait alertmanager --all --namespace monitoring --for condition=Available --timeout 5m
}

test_jobs() {
  k get jobs --namespace openfero-jobs \
    --selector openfero.io/definition=openfero-openferotest-firing --output name
}

send_alert() {
  say "an alert, and within a minute its Job"
  local before end
  before=$(test_jobs)
  # Another namespace each time is another group, for which Alertmanager does not wait so long.
  k exec --namespace monitoring service/alertmanager-operated --container alertmanager -- \
    amtool alert add alertname=OpenferoTest namespace="run-$RANDOM" \
    --alertmanager.url http://localhost:9093
  end=$((SECONDS + JOB_SECONDS))
  while [[ $(test_jobs) == "$before" ]]; do
    ((SECONDS < end)) || fail "no Job after $JOB_SECONDS seconds; see what the function says:" \
      "kubectl --context $CONTEXT logs --namespace openfero --container openfero --selector serving.knative.dev/service=openfero"
    sleep 2
  done
  k get jobs --namespace openfero-jobs --label-columns openfero.io/definition,openfero.io/status
}

check_tools
make_cluster
install_knative
install_function
install_prometheus
send_alert
say "it works, in the context $CONTEXT; kind delete cluster --name $CLUSTER takes all away"
