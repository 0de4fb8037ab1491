#!/usr/bin/env bash
# Prints the path of an archive with the small system of root.sh as a newcomer has it: with the
# packages that README.md names, and a user with sudo. Makes it first if there is none for this
# README.md. What a newcomer would download is there as well, so that no test needs a network: Node,
# its package socket.io-client (/opt/javascript), and what pip needs for the Python client
# (/opt/wheels).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh
. packaging/roots.sh

# shellcheck disable=SC2329
finish() {
    local python
    chroot "$root" useradd --create-home --shell /bin/bash newcomer
    echo 'newcomer ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/newcomer"
    chmod 0440 "$root/etc/sudoers.d/newcomer"

    python=$(chroot "$root" python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    python3 -m venv "$work/venv"
    # The wheels of websockets that are for one machine are faster, and no better here.
    "$work/venv/bin/pip" download --quiet --disable-pip-version-check --dest "$root/opt/wheels" \
        --only-binary=:all: --implementation py --abi none --platform any \
        --python-version "$python" hatchling 'websockets>=15,<18'
    install --mode=0755 "$(npx --yes --package node@22 -- node --print process.execPath)" \
        "$root/usr/local/bin/node"
    npm install --silent --no-audit --no-fund --prefix "$root/opt/javascript" \
        socket.io-client@4 >&2
    chmod -R a+rX "$root/opt"
}

named=$(sed --quiet 's/^sudo apt-get install \(curl .*\)/\1/p' README.md)
[[ -n $named ]] || fail "README.md has no line that begins with: sudo apt-get install curl"
read -ra packages <<<"sudo ca-certificates $named"
grown newcomer finish "${packages[@]}"
