# Thin over CMake: `make test` sets up, builds and runs every test; SAN=address|thread for sanitizers.
SAN ?=
BUILD := build$(if $(SAN),-$(SAN))
LAUNCHER := $(if $(shell command -v ccache),-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)

.PHONY: build test clean setup
build: setup
	cmake -S . -B $(BUILD) -G Ninja $(LAUNCHER) -DOUTBOARD_SANITIZER=$(SAN)
	ninja -C $(BUILD)

setup:
	tools/setup

test: build
	ctest --test-dir $(BUILD) --output-on-failure -j2

clean:
	rm -rf build build-address build-thread
