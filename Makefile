# Every command a person runs. `make` alone lists them.

FUNCTIONS := embed retrieve answer diagnose
# Lambda's binaries: static, small, without this machine's paths. openai-go is compiled
# without inlining: it is the largest part of a first build, and waits for the network.
GOLAMBDA  := CGO_ENABLED=0 go build -trimpath -tags lambda.norpc -ldflags='-s -w' -gcflags='github.com/openai/openai-go/v3/...=-l'
# The race detector needs a C compiler; a machine without one tests without it.
CC_FOUND  := $(shell command -v gcc || command -v clang)
RACE      := $(if $(CC_FOUND),-race)
# What is deployed: an environment of samconfig.toml, for the instruction set that it names.
ENV       ?= dev
ARCH      ?= $(or $(shell sed -n '/^\[$(ENV)\./,/^\[/s/.*Architecture=\([a-z0-9_]*\).*/\1/p' samconfig.toml),arm64)
GOARCH_OF_arm64 := arm64
GOARCH_OF_x86_64 := amd64

.PHONY: help run build test simulate bench eval bench-hang lab check events deploy sam-local sam-invoke $(FUNCTIONS:%=build/%/bootstrap) $(FUNCTIONS:%=build/sam/%/bootstrap) build/ragtime

help: ## list these commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

run: build ## build and start the whole system here, with sample documents; PORT=3001 DATA=folder OPENAI=1
	build/ragtime up $(if $(PORT),--port=$(PORT)) $(if $(DATA),--data='$(DATA)') $(if $(OPENAI),--openai)

build: $(FUNCTIONS:%=build/%/bootstrap) build/ragtime ## build the functions and the command line

# The same flags everywhere, so that each package is compiled once.
$(FUNCTIONS:%=build/%/bootstrap): build/%/bootstrap:
	@test -e $@ || echo "building $@; the first build compiles every library, which takes a minute or two"
	@$(GOLAMBDA) -o $@ ./functions/$*

build/ragtime:
	@test -e $@ || echo "building $@"
	@$(GOLAMBDA) -o $@ ./cmd/ragtime

# The functions again, for containers of this machine's architecture.
$(FUNCTIONS:%=build/sam/%/bootstrap): build/sam/%/bootstrap:
	@GOOS=linux $(GOLAMBDA) -o $@ ./functions/$*

sam-local: build $(FUNCTIONS:%=build/sam/%/bootstrap) ## serve the API with sam local start-api against the stand-ins; PORT=3000; needs sam and Docker
	build/ragtime sam-local $(if $(PORT),--port=$(PORT)) $(SAM)

sam-invoke: build $(FUNCTIONS:%=build/sam/%/bootstrap) ## give a function an event with sam local invoke: EVENT=events/embed-put.json
	@test -n "$(EVENT)" || { echo "say which event: make sam-invoke EVENT=events/embed-put.json"; exit 1; }
	@build/ragtime sam-invoke $(EVENT) $(SAM)

test: ## run every test
	$(if $(RACE),,@echo "no C compiler found: testing without the race detector")
	go test $(RACE) -count=1 -timeout 20m ./...

simulate: ## run ten million random schedules of the engine in virtual time (half an hour on two cores); SCHEDULES=n SEED=n
	go test -count=1 -timeout 0 -v -run TestSimulate ./local/simulation -schedules $(or $(SCHEDULES),10000000) -seed $(or $(SEED),0)

bench: ## run the benchmarks
	go test -run '^$$' -bench . -benchmem ./...

lab: build ## drive the whole system through every fault (Linux; about 7 minutes); exits 1 when one does not hold
	build/ragtime lab

eval: build ## measure retrieval: the samples' questions, and XQuAD's with XQUAD=folder of xquad.*.json
	build/ragtime eval --start local/samples/questions.json $(if $(XQUAD),$(wildcard $(XQUAD)/xquad.*.json))

bench-hang: ## measure clients of the embeddings API when the network hangs, in under two minutes
	go run ./local/benchhang

check: ## gofmt, vet, staticcheck, golangci-lint, cfn-lint, sam validate, checkov; a missing or old tool is named and skipped
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these"; exit 1; }
	go vet ./...
	@if command -v staticcheck >/dev/null; then staticcheck ./...; else echo "skipped: staticcheck is not installed"; fi
	@$(call tool,golangci-lint,2.15) && golangci-lint run --allow-parallel-runners ./...
	@$(call tool,cfn-lint,1.58) && cfn-lint template.yaml
	@$(call tool,sam,1.170) && SAM_CLI_TELEMETRY=0 sam validate --lint --region us-east-1
	@$(call tool,checkov,3.3) && checkov -f template.yaml --framework cloudformation --compact --quiet --skip-download

# $(call tool,NAME,VERSION) ends the line where NAME is missing or older than the VERSION that this was tried with.
define tool
{ command -v $(1) >/dev/null || { echo "skipped: $(1) is not installed"; exit 0; }; } && \
	{ found=$$($(1) --version 2>/dev/null | grep -oE '[0-9]+(\.[0-9]+)+' | head -n 1); \
	  [ "$$(printf '%s\n' $(2) "$$found" | sort -V | head -n 1)" = $(2) ] || \
	  { echo "skipped: $(1) is $$found, and needs to be $(2) or newer"; exit 0; }; }
endef

events: ## write the sample events anew from the gateway's code
	go test ./local/gateway -run Events -update

deploy: ## build for Lambda and deploy ENV=dev or prod as samconfig.toml has it; asks before it changes anything
	ARCH=$(ARCH) sam build
	sam deploy --config-env $(ENV)

# What `sam build` calls, in a copy of this folder.
build-EmbedFunction: ; $(MAKE) package NAME=embed
build-RetrieveFunction: ; $(MAKE) package NAME=retrieve
build-AnswerFunction: ; $(MAKE) package NAME=answer
build-DiagnoseFunction: ; $(MAKE) package NAME=diagnose
package:
	GOOS=linux GOARCH=$(GOARCH_OF_$(ARCH)) $(GOLAMBDA) -o $(ARTIFACTS_DIR)/bootstrap ./functions/$(NAME)
