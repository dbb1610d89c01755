# Thin over CMake: `make test` sets up, builds and runs every test; SAN=address|thread for sanitizers.
SAN ?=
BUILD := build$(if $(SAN),-$(SAN))
LAUNCHER := $(if $(shell command -v ccache),-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)

.PHONY: build configure test clean setup
configure: setup
	cmake -S . -B $(BUILD) -G Ninja $(LAUNCHER) -DOUTBOARD_SANITIZER=$(SAN)

build: configure
	ninja -C $(BUILD)

setup:
	tools/setup

# Four at a time: most wait more than they compute, and those that compute count as two (PROCESSORS).
test: build
	ctest --test-dir $(BUILD) --output-on-failure -j4 -LE extended

# NVIDIA's libraries at length, vsock in a virtual machine, and packages from PyPI (gigabytes, in build/extended).
.PHONY: test-extended
VSOCK = vector_add reduction_shuffle pinned_async streams_events driver_api
test-extended: build
	ninja -C $(BUILD) extended_programs
	ctest --test-dir $(BUILD) --output-on-failure -j2 -L extended; ran=$$?; \
	tests/extended/vsock/run.sh $(BUILD)/bin/outboard $(BUILD)/extended/vsock $(VSOCK:%=$(BUILD)/programs/%) && \
	tests/extended/run.sh $(BUILD)/bin/outboard $(BUILD)/extended && exit $$ran

clean:
	rm -rf build build-address build-thread

.PHONY: demo bench bench-kernels install format tidy
demo: configure
	ninja -C $(BUILD) demo
	demo/run.sh $(BUILD)

bench: build
	$(BUILD)/bin/outboard_bench $(BUILD)
	test ! -e $(BUILD)/lib/software/libcuda.so.1 || $(BUILD)/bin/launch_bench $(BUILD)
	tools/setup openssh-server
	bench/exec.py $(BUILD)/bin/outboard
	bench/ssh.sh $(BUILD)

# On a machine with an NVIDIA GPU and its driver; needs no LLVM. Exit code 3: there is no GPU (docs/nvidia.md).
.PHONY: gpu-check
gpu-check:
	tests/gpu/check.sh $(BUILD)-gpu

bench-kernels: build
	tools/setup pocl-opencl-icd ocl-icd-opencl-dev libopenblas-dev
	cmake -S . -B $(BUILD) -DOUTBOARD_BENCH_KERNELS=ON
	ninja -C $(BUILD)
	$(BUILD)/bin/outboard_bench_kernels $(BUILD)

# The desktop's figures; freerdp2-shadow beside them, and xrdp where it is installed (xrdp, xorgxrdp) and this is root.
.PHONY: bench-desktop
bench-desktop: build
	tools/setup freerdp2-shadow-x11 iproute2
	bench/desktop.py $(BUILD)/lib/outboard/outboard-desktop $(BUILD)/bin/desktop_pattern $(BUILD)/bin/desktop_probe
	bench/desktop_page.py $(BUILD)

PREFIX ?= /usr/local
install: build
	cmake --install $(BUILD) --prefix $(PREFIX)

SOURCES = $(shell git ls-files '*.cpp' '*.h' ':!tests/programs')
format:
	clang-format -i $(SOURCES)

tidy: build
	clang-tidy -p $(BUILD) --quiet $(filter %.cpp,$(SOURCES))
