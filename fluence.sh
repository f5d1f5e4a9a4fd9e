#!/usr/bin/env bash
# Sets up, builds, tests and demonstrates Fluence on Debian 12. `./fluence.sh help` lists the commands.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

build_packages=(
    g++ cmake ninja-build ccache pkg-config git ca-certificates
    libsystemc-dev libdnnl-dev libboost-dev libboost-program-options-dev nlohmann-json3-dev
    libsqlite3-dev zlib1g-dev libpng-dev libturbojpeg0-dev librandom123-dev libjs-chart.js
    libopenmpi-dev openmpi-bin
)
torch_packages=(libtorch-dev libonnx-dev libprotobuf-dev)
test_packages=(libgtest-dev libgmock-dev chromium)
lint_packages=(clang-format clang-tidy clang)
bench_packages=(libbenchmark-dev)

with_torch=ON
preset=release

usage() {
    cat <<'END'
Usage: ./fluence.sh COMMAND [OPTIONS]

  demo          set up, build, run the LeNet-5 experiment on the embedded data set, write its report
  test          set up, build, run the whole test suite (arguments behind -- go to ctest)
  build         set up and build build/<preset>/fluence
  lint          check formatting (clang-format) of all code, run clang-tidy on all but tests
  bench         build and run the benchmarks
  help          this text

Options:
  --no-torch        leave the LibTorch front end out (the simulator alone)
  --preset NAME     release (default), debug, asan, tsan, clang: see CMakePresets.json

Missing Debian packages are installed with apt-get; only that step asks for root.
END
}

# Installs what `dpkg` does not know as installed.
install_packages() {
    local missing=()
    local package
    for package in "$@"; do
        if ! dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$'; then
            missing+=("$package")
        fi
    done
    if [ ${#missing[@]} -eq 0 ]; then
        return
    fi
    echo "Installing Debian packages: ${missing[*]}"
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        as_root=(sudo)
    fi
    # A foreign repository that does not answer must not stop the set-up: installing decides.
    "${as_root[@]}" apt-get update -qq || echo "fluence.sh: apt-get update failed; trying with the lists that are here" >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
        >/dev/null
}

set_up() {
    local packages=("${build_packages[@]}")
    if [ "$with_torch" = ON ]; then
        packages+=("${torch_packages[@]}")
    fi
    install_packages "${packages[@]}" "$@"
}

build_directory() {
    if [ "$with_torch" = OFF ] && [ "$preset" = release ]; then
        echo "build/release-no-torch"
    else
        echo "build/$preset"
    fi
}

# build TESTING TARGET...: configures and builds.
build() {
    local testing=$1
    shift
    cmake --preset "$preset" -B "$(build_directory)" -DFLUENCE_WITH_TORCH="$with_torch" -DBUILD_TESTING="$testing" \
        >"$(log_file configure)" || { cat "$(log_file configure)"; exit 1; }
    cmake --build "$(build_directory)" --target "$@"
}

log_file() {
    mkdir -p build
    echo "build/$1.log"
}

demo() {
    set_up
    # The tests stay as configured: the demo must not undo a developer's set-up.
    local testing=OFF
    if grep -qs '^BUILD_TESTING:BOOL=ON' "$(build_directory)/CMakeCache.txt"; then
        testing=ON
    fi
    build "$testing" fluence
    # With the front end from the trained weights on; without it from the bundle made of them.
    if [ "$with_torch" = ON ]; then
        "$(build_directory)/fluence" run lenet5-glyphs-import --data . "$@"
    else
        "$(build_directory)/fluence" run lenet5-glyphs "$@"
    fi
}

run_tests() {
    set_up "${test_packages[@]}"
    build ON all
    ctest --test-dir "$(build_directory)" --output-on-failure --parallel "$(nproc)" "$@"
}

lint() {
    set_up "${test_packages[@]}" "${lint_packages[@]}"
    local files
    mapfile -t files < <(git ls-files --cached --others --exclude-standard '*.h' '*.cpp')
    clang-format --dry-run --Werror "${files[@]}"
    build ON all
    git ls-files --cached --others --exclude-standard '*.cpp' |
        { if [ "$with_torch" = OFF ]; then grep -v -e '^models/' -e '_torch\.cpp$'; else cat; fi; } |
        { grep -v -e '^bench/' -e '^tests/' || true; } |
        xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p "$(build_directory)"
    echo "lint: clean"
}

bench() {
    set_up "${test_packages[@]}" "${bench_packages[@]}"
    cmake --preset "$preset" -B "$(build_directory)" -DFLUENCE_WITH_TORCH="$with_torch" -DFLUENCE_BENCHMARKS=ON >/dev/null
    cmake --build "$(build_directory)"
    local program
    for program in "$(build_directory)"/bench/*_bench; do
        "$program" "$@"
    done
}

command=${1:-help}
[ $# -eq 0 ] || shift
arguments=()
while [ $# -gt 0 ]; do
    case $1 in
        --no-torch) with_torch=OFF ;;
        --preset)
            [ $# -ge 2 ] || { echo "fluence.sh: --preset needs a name" >&2; exit 2; }
            preset=$2
            shift
            ;;
        --) shift; arguments+=("$@"); break ;;
        *) arguments+=("$1") ;;
    esac
    shift
done

case $command in
    demo) demo "${arguments[@]}" ;;
    test) run_tests "${arguments[@]}" ;;
    build) set_up; build OFF fluence ;;
    lint) lint ;;
    bench) bench "${arguments[@]}" ;;
    help | --help | -h) usage ;;
    *)
        echo "fluence.sh: there is no command \"$command\" (valid: demo, test, build, lint, bench, help)" >&2
        exit 2
        ;;
esac
