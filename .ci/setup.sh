#!/bin/sh
# Installs the system's packages that Visage needs and that are not there: `setup.sh run` to build and run it,
# `setup.sh test` to test it as well. Asks the package manager for nothing when nothing is missing.
set -eu
for_what=${1:-run}

# To build: a C++ compiler and CMake for whisper.cpp, libclang for bindings, headers of ALSA, libvpx and Opus.
packages="build-essential cmake clang libclang-dev pkg-config libasound2-dev libvpx-dev libopus-dev"
# To run: the fallback voice, which also makes the phonemes for the others; a Vulkan driver that needs no graphics card.
packages="$packages espeak-ng libvulkan1 mesa-vulkan-drivers"
# For the window of `visage preview`; these are loaded at run time.
packages="$packages libx11-xcb1 libxcursor1 libxi6 libxrandr2 libxkbcommon-x11-0"
case "$for_what" in
    run) ;;
    # The tests with a real browser and a real window, and what they measure videos with.
    test) packages="$packages chromium chromium-driver xvfb ffmpeg" ;;
    *) echo "usage: $0 run|test" >&2; exit 2 ;;
esac

fail() {
    echo "set-up: $*" >&2
    exit 1
}

command -v cargo >/dev/null || fail "Rust is missing; install it from https://rustup.rs and start again"
if [ "$for_what" = test ] && ! { command -v clippy-driver && command -v rustfmt; } >/dev/null; then
    command -v rustup >/dev/null || fail "clippy and rustfmt are missing; install these parts of Rust and start again"
    rustup component add clippy rustfmt
fi

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "set-up: this is not Debian or a relative of it, so the system's packages are left to you."
    echo "set-up: under Debian's names these are: $packages"
    exit 0
fi

missing=
for package in $packages; do
    status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) || status=unknown
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "install these as root and start again:$missing"
    as_root=sudo
fi
echo "set-up: installing$missing"
$as_root apt-get update
# shellcheck disable=SC2086 # the list is to be split
$as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --no-install-recommends -o DPkg::Lock::Timeout=300 $missing
