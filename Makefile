# The commands that people type here; `make` alone lists them.

PYTHON ?= python3
PORT   ?= 8080

# Two servers, two environments: no single one can hold both.
FF   := .venv/functions-framework
FUNC := .venv/func

# What pyproject.toml calls extras.
FF_TO_RUN    := functions-framework,local
FF_TO_TEST   := $(FF_TO_RUN),test,check
FUNC_TO_TEST := func,test

# What `make audit` looks with, and at: the dependencies as the image has them.
AUDIT  := .venv/audit
LOCKED := .venv/locked
LOCK   := $(shell cksum requirements.lock 2> /dev/null | cut -d ' ' -f 1)

# A stamp says what is installed; its name changes with the content of pyproject.toml.
CONTENT  := $(shell cksum < pyproject.toml | cut -d ' ' -f 1)
TO_RUN   := to-run-$(CONTENT)
TO_TEST  := to-test-$(CONTENT)
TO_AUDIT := to-audit-$(CONTENT)

# Python that is checked.
CODE := function tests hack gunicorn.conf.py

.DEFAULT_GOAL := help
# One environment is not installed into twice at the same time.
.NOTPARALLEL:

# What `make bench` measures in: the environments of the tests, and those of a newer Python.
NEW     := $(shell command -v python3.15 2> /dev/null)
BENCH   := $(if $(NEW),$(FF)-3.15 $(FUNC)-3.15)
BENCHED  = $(BENCH) $(FF) $(FUNC)
.PHONY: help run test check fuzz real test-real test-older test-monitoring storms soak bench lock audit build pin kind clean

# A real control plane, compiled once for each go.sum: the newest, or the oldest that is supported.
KUBERNETES ?= tests/real
export KUBERNETES
REAL     := .cache/real/$(shell sha256sum $(KUBERNETES)/go.sum 2> /dev/null | cut -c 1-12)
COMMANDS := kube-apiserver kube-controller-manager kube-scheduler kubectl
KUBE      = $(shell awk '$$1 == "k8s.io/kubernetes" { print substr($$2, 2) }' $(KUBERNETES)/go.mod)
LDFLAGS   = -s -w $(foreach v,gitVersion=v$(KUBE) gitMajor=1 gitMinor=$(word 2,$(subst ., ,$(KUBE))),-X k8s.io/component-base/version.$(v))

# What others add to Kubernetes, as YAML out of their modules. By itself: a newer Knative
# compiles no Kubernetes.
CRDS := .cache/crds/$(shell sha256sum tests/real/crds/go.sum 2> /dev/null | cut -c 1-12)

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(FF)/$(TO_RUN) ## Post an alert, see its Job: the function on this machine, without a cluster
	@$(FF)/bin/python -m function.local.demo --port $(PORT)

test: check $(FF)/$(TO_TEST) $(FUNC)/$(TO_TEST) ## Check the code and run the whole suite with both servers
	@$(FF)/bin/python tests/run_both.py $(ARGS)

check: $(FF)/$(TO_TEST) ## Check format, style and types
	@$(FF)/bin/ruff format --check $(CODE)
	@$(FF)/bin/ruff check $(CODE)
	@$(FF)/bin/mypy

fuzz: $(FF)/$(TO_TEST) ## Send 100,000 hostile requests and definitions to the function: some minutes
	@$(FF)/bin/python hack/reliability/fuzz.py $(ARGS)

real: $(REAL)/done $(CRDS)/done ## Compile etcd and Kubernetes for the tests (Go 1.26 or newer, some minutes, once)
	-@tests/real/fetch-alertmanager.sh

test-real: $(if $(KUBECONFIG),,real) $(FF)/$(TO_TEST) $(FUNC)/$(TO_TEST) ## Run the suite on real Kubernetes: its own, or that of KUBECONFIG
	@$(FF)/bin/python tests/run_both.py --api=real $(ARGS)

test-older: ## Run the suite on the oldest Kubernetes that is supported
	@$(MAKE) --no-print-directory test-real KUBERNETES=tests/real/older

test-monitoring: real $(FF)/$(TO_TEST) ## Test rules and dashboard with real Prometheus and Alertmanager
	@$(FF)/bin/python -m pytest --api=real -m monitoring -n2 --dist=worksteal $(ARGS) tests/test_monitoring.py

storms: $(FF)/$(TO_TEST) $(FUNC)/$(TO_TEST) ## Let storms and slow senders loose on both servers: ten minutes
	@$(FF)/bin/python hack/reliability/storms.py $(ARGS); behind_gunicorn=$$?; \
	  $(FUNC)/bin/python hack/reliability/storms.py $(ARGS) && exit $$behind_gunicorn

soak: $(REAL)/done $(FF)/$(TO_TEST) ## Alerts by the hundred for five minutes while all goes wrong; ARGS='--seed 2 --write'
	@$(FF)/bin/python hack/reliability/soak.py $(ARGS)

bench: $(REAL)/done $(BENCH:%=%/$(TO_RUN)) $(FF)/$(TO_TEST) $(FUNC)/$(TO_TEST) ## Measure, and write the tables of docs/performance.md: a quarter of an hour
	@$(FF)/bin/python hack/bench $(BENCHED:%=--python=%/bin/python) $(ARGS)

lock: $(FF)/$(TO_TEST) ## Lock what the image installs: after a change of its dependencies, or for newer versions
	@$(FF)/bin/uv pip compile --quiet --upgrade --generate-hashes --python-version 3.15 --python-platform linux \
	  --extra functions-framework --custom-compile-command 'make lock' --output-file requirements.lock pyproject.toml
	@$(FF)/bin/uv pip compile --quiet --upgrade --generate-hashes --universal --python-version 3.11 \
	  --group sbom --custom-compile-command 'make lock' --output-file sbom.lock

# Not in .ci/run: an advisory of today must not fail a commit of last year.
audit: $(AUDIT)/$(TO_AUDIT) $(LOCKED)/lock-$(LOCK) ## Ask for known holes in what the image installs, and list its licences
	@$(AUDIT)/bin/pip-licenses --python $(LOCKED)/bin/python --from mixed --order license --format markdown
	@$(AUDIT)/bin/pip-audit --strict --disable-pip --requirement requirements.lock

$(REAL)/done:
	$(check_go)
	@echo "Compiling etcd and Kubernetes $(KUBE) into $(@D), once; it takes some minutes"
	@mkdir -p $(@D)
	@cd $(KUBERNETES) && CGO_ENABLED=0 go build -trimpath -ldflags "$(LDFLAGS)" -o $(CURDIR)/$(@D)/ \
	  $(COMMANDS:%=k8s.io/kubernetes/cmd/%)
	@cd $(KUBERNETES) && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o $(CURDIR)/$(@D)/etcd \
	  go.etcd.io/etcd/server/v3
	@touch $@

# No more is downloaded than these modules, and each must be what go.sum says.
$(CRDS)/done:
	$(check_go)
	@mkdir -p $(@D)
	@cd tests/real/crds && go mod download
	@cd tests/real/crds && install -m 644 \
	  $(call module,knative.dev/serving)/config/core/300-resources/service.yaml \
	  $(call module,knative.dev/eventing)/config/core/resources/broker.yaml \
	  $(call module,knative.dev/eventing)/config/core/resources/trigger.yaml \
	  $(call module,github.com/prometheus-operator/prometheus-operator)/example/prometheus-operator-crd/*_alertmanagerconfigs.yaml \
	  $(call module,github.com/prometheus-operator/prometheus-operator)/example/prometheus-operator-crd/*_prometheusrules.yaml \
	  $(CURDIR)/$(@D)/
	@touch $@

# $(call module,PATH): the folder of a module that tests/real/crds/go.mod names.
module = "$$(go list -m -f '{{.Dir}}' $(1))"

build: ## Build the image: make build IMAGE=registry/name:tag
	$(check_build)
	@$(ENGINE) build --file Containerfile --tag '$(IMAGE)' .
	@echo "Push it, and in the folder of your kustomization (knative/ if you have none) type:"
	@echo "kustomize edit set image dev.local/openfero=$(IMAGE)"

pin: ## Write the digests of all images into the definitions and the Containerfile
	@hack/pin.sh $(wildcard knative/definitions/*/definition.yaml) Containerfile

kind: ## A cluster here, from Prometheus to the Job; needs docker and kind, not run in CI
	@hack/kind.sh

clean: ## Remove what was installed and cached
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(FF)/$(TO_RUN):
	$(call install,$(FF),$(FF_TO_RUN))

$(AUDIT)/$(TO_AUDIT):
	$(call install,$(AUDIT),audit)

$(LOCKED)/lock-$(LOCK):
	$(if $(wildcard $(LOCKED)/bin/pip),,$(check_python))
	@$(PYTHON) -m venv --clear $(LOCKED)
	@$(LOCKED)/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes --requirement requirements.lock
	@touch $@

$(FF)/$(TO_TEST):
	$(call install,$(FF),$(FF_TO_TEST))
	@touch $(FF)/$(TO_RUN)

$(BENCH:%=%/$(TO_RUN)): PYTHON = $(NEW)
$(FF)-3.15/$(TO_RUN):
	$(call install,$(FF)-3.15,functions-framework)

$(FUNC)-3.15/$(TO_RUN):
	$(call install,$(FUNC)-3.15,func)

$(FUNC)/$(TO_TEST):
	$(call install,$(FUNC),$(FUNC_TO_TEST))

# $(call install,FOLDER,EXTRAS): the project with these extras. The stamp comes last, and
# an older one goes first, for what it says ends here.
define install
	$(if $(wildcard $(1)/bin/pip),,$(check_python))
	@echo "Installing the project with [$(2)] into $(1), once; it takes a moment"
	@test -x $(1)/bin/pip || $(PYTHON) -m venv --clear $(1)
	@rm -f $(1)/to-*
	@$(1)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[$(2)]'
	@touch $@
endef

# Questions that any Python understands, so that an old one can be told.
version = $(shell $(PYTHON) -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2> /dev/null)
too_old = $(shell $(PYTHON) -c 'import sys; sys.exit(sys.version_info >= (3, 11))' && echo yes)
no_venv = $(shell $(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || echo yes)
command = make $(or $(MAKECMDGOALS),run)

# Whichever is there builds alike; ENGINE=… chooses.
ENGINE ?= $(firstword $(foreach engine,docker podman buildah,$(if $(call where,$(engine)),$(engine))))
where   = $(shell command -v '$(1)' 2> /dev/null)

define check_build
$(if $(IMAGE),,$(error Which image? make build IMAGE=registry/name:tag))
$(if $(ENGINE),,$(error To build an image, install docker, podman or buildah))
$(if $(call where,$(ENGINE)),,$(error There is no $(ENGINE): make build IMAGE=$(IMAGE) ENGINE=docker))
endef

go_version = $(shell go env GOVERSION 2> /dev/null)
go_fits    = $(shell printf '%s\n' go1.26 '$(go_version)' | sort -VC && echo yes)

define check_go
$(if $(go_fits),,$(error Go 1.26 or newer is needed to compile Kubernetes, and there is $(or $(go_version),none): https://go.dev/dl))
endef

define check_python
$(if $(version),,$(error There is no $(PYTHON): install Python 3.11 or newer, or name one: $(command) PYTHON=python3.12))
$(if $(too_old),$(error Python 3.11 or newer is needed, and $(PYTHON) is $(version): $(command) PYTHON=python3.12))
$(if $(no_venv),$(error $(PYTHON) cannot make a virtual environment: apt-get install python3-venv))
endef
