# The two commands are `make run` and `make test`; the rest is for developers.
# CMake does the building (CMakePresets.json); scripts/deps installs what is missing.
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
JOBS ?= $(shell nproc)

.PHONY: all build run test bench fuzz format lint clean
all: build

build/build.ninja: CMakeLists.txt CMakePresets.json
	@scripts/deps build
	@cmake --preset release >/dev/null

# Release; leaves build/ironcurtain and build/icguest.
build: build/build.ninja
	@ninja -C build -j$(JOBS) --quiet

# A real session when a provider key and an agent are there, else the offline demo.
run:
	@scripts/deps run
	@$(MAKE) build
	@exec build/ironcurtain

# Everything, under AddressSanitizer and UBSan, with a short fuzz run.
test:
	@scripts/deps test
	@cmake --preset asan >/dev/null
	@ninja -C build-asan -j$(JOBS) --quiet
	@ctest --test-dir build-asan --output-on-failure -j$(JOBS)

bench:
	@scripts/deps test
	@cmake -S . -B build-bench -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DIC_TESTS=OFF -DIC_BENCH=ON >/dev/null
	@ninja -C build-bench -j$(JOBS) --quiet
	@bench/run build-bench

# SECONDS each; the corpus grows in build-fuzz/corpus.
SECONDS ?= 60
fuzz:
	@scripts/fuzz $(SECONDS)

format:
	@git ls-files 'src/*.[ch]' 'tests/*.[ch]' 'bench/*.[ch]' | xargs clang-format -i

# One file per clang-tidy: with several, version 14 takes each va_list after the first file for
# uninitialized.
lint:
	@git ls-files 'src/*.[ch]' 'tests/*.[ch]' 'bench/*.[ch]' | xargs clang-format --dry-run -Werror
	@cmake --preset dev >/dev/null
	@git ls-files 'src/*.c' | xargs -P$(JOBS) -n1 clang-tidy -p build-dev --quiet

clean:
	@rm -rf build build-dev build-asan build-fuzz build-bench
