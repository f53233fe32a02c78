// No program: modules in which the custom resources of others lie as YAML. `make real`
// downloads these three and nothing that they require, and go.sum says what they must be.
module openfero.io/tests/real/crds

go 1.26.0

require (
	github.com/prometheus-operator/prometheus-operator v0.93.0
	knative.dev/eventing v0.50.0
	knative.dev/serving v0.50.0
)
