# Short names for what CMake does. On a fresh Debian 12 machine: make screen, make test.
IMAGES ?=
OUT ?= out/screen

.PHONY: screen test release dev asan tsan race tidy slow clean packages

screen: packages
	cmake --preset release
	cmake --build --preset release --target programs
	@cmake/screen.sh build/release/bin "$(OUT)" "$(IMAGES)"

test: packages
	cmake --preset dev
	cmake --build --preset dev
	ctest --preset dev -LE 'tidy|slow|bench|plans' -j 2
	cmake --preset asan
	cmake --build --preset asan
	ctest --preset asan -L unit -LE 'tidy|slow|bench' -j 2

release dev asan tsan: packages
	cmake --preset $@
	cmake --build --preset $@

tidy: dev
	ctest --preset dev -C tidy -L tidy

# ThreadSanitizer over the unit tests; minutes.
race: dev
	ctest --preset dev -C tsan -L tsan

slow: release
	ctest --test-dir build/release -L slow --output-on-failure

packages:
	@cmake/install-packages.sh

clean:
	rm -rf build out
