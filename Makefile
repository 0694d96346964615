# Short names for what CMake does. On a fresh Debian 12 machine: make screen, make test.
IMAGES ?=
OUT ?= out/screen

.PHONY: screen test without-cuda bench chaos release dev asan tsan race tidy fuzz slow clean packages

screen: packages
	cmake --preset release
	cmake --build --preset release --target programs
	@cmake/screen.sh build/release/bin "$(OUT)" "$(IMAGES)"

# Many tests wait for processes more than they compute.
SIDE_BY_SIDE = $(shell echo $$(($$(nproc) + 2)))
test: packages
	cmake --preset dev
	cmake --build --preset dev
	ctest --preset dev -LE 'tidy|slow|bench|plans' -j $(SIDE_BY_SIDE)
	cmake --preset asan
	cmake --build --preset asan --target unit_tests
	ctest --preset asan -L unit -LE 'tidy|slow|bench|long' -j $(SIDE_BY_SIDE)
	@if command -v nvcc >/dev/null; then $(MAKE) --no-print-directory without-cuda; fi

# Where CUDA is found the builds above have it (WITH_CUDNN=AUTO). `engine` must be whole without it too, and
# without oneDNN; nothing else knows of either.
without-cuda: packages
	cmake --preset without-cuda
	cmake --build --preset without-cuda --target engine.test_cudnn_module
	build/without-cuda/tests/engine.test_cudnn_module

# lentigo beside OpenVINO, ONNX Runtime and PyTorch, in turn; tables and plots go to docs. SECTIONS
# (engine, folder, curve, render), SIZES, BATCHES and PRECISIONS choose pieces; QUICK=1: a rough look, kept
# out of docs. LESIONS is a labelled set, PEERS_PYTHON a Python that has the peers already.
LESIONS ?=
ROUNDS ?=
QUICK ?=
PEERS_PYTHON ?=
SECTIONS ?=
SIZES ?=
BATCHES ?=
PRECISIONS ?=
INT8_MODEL ?=
bench: packages
	cmake --preset release
	cmake --build --preset release --target programs
	python3 -B tests/bench/bench.py $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(QUICK),--quick) \
	  $(if $(LESIONS),--lesions "$(LESIONS)") $(if $(PEERS_PYTHON),--peers-python "$(PEERS_PYTHON)") \
	  $(if $(SECTIONS),--sections "$(SECTIONS)") $(if $(SIZES),--sizes "$(SIZES)") \
	  $(if $(BATCHES),--batches "$(BATCHES)") $(if $(PRECISIONS),--precisions "$(PRECISIONS)") \
	  $(if $(INT8_MODEL),--int8-model "$(INT8_MODEL)")

release dev asan tsan: packages
	cmake --preset $@
	cmake --build --preset $@

tidy: dev
	ctest --preset dev -C tidy -L tidy

# Rounds of faults drawn by chance (docs/guarantees.md), ROUNDS of them from SEED; REAL is a folder of
# pictures to take instead of made ones.
SEED ?= 1
REAL ?=
chaos: release
	cmake --build --preset release --target chaos_preload
	python3 -B tests/chaos/chaos.py build/release/bin --seed $(SEED) --rounds $(or $(ROUNDS),10) \
	  $(if $(REAL),--real "$(REAL)")

# ThreadSanitizer over the unit tests; minutes.
race: dev
	ctest --preset dev -C tsan -L tsan

# libFuzzer over the parsers (tests/fuzz), SECONDS for each; TARGET names one or several. Needs clang
# and libclang-rt-14-dev. What fails lies in build/fuzz/fuzz/failed.
SECONDS ?= 60
TARGET ?=
fuzz: packages
	cmake --preset fuzz
	cmake --build --preset fuzz
	tests/fuzz/run.sh build/fuzz $(SECONDS) $(TARGET)

slow: release
	ctest --test-dir build/release -L slow --output-on-failure

packages:
	@cmake/install-packages.sh

clean:
	rm -rf build out
