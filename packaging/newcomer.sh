#!/usr/bin/env bash
# Prints the path of an archive with the small system of root.sh as a newcomer has it: with the
# packages that README.md names, and a user with sudo. Makes it first if there is none for this
# README.md. What a newcomer would download is there as well, so that no test needs a network: Node,
# its package socket.io-client (/opt/javascript), and what pip needs for the Python client
# (/opt/wheels).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

base=$(packaging/root.sh)
named=$(sed --quiet 's/^sudo apt-get install \(curl .*\)/\1/p' README.md)
[[ -n $named ]] || fail "README.md has no line that begins with: sudo apt-get install curl"
read -ra packages <<<"sudo ca-certificates $named"
key=$(cat "$0" - <<<"${packages[*]}" | cksum | cut --delimiter=' ' --fields=1)
folder=$(dirname "$base")
archive=$folder/newcomer-$key-$(basename "$base")
# Two runs at the same time make one.
exec 9>"$folder/newcomer.lock"
flock 9
if ! [[ -e $archive ]]; then
    work=$(mktemp --directory --tmpdir="$folder")
    trap 'rm -rf "$work"' EXIT
    SECONDS=0
    root=$work/root
    mkdir "$root"
    tar --directory="$root" --numeric-owner --extract --file="$base"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    # No service starts here.
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 0755 "$root/usr/sbin/policy-rc.d"
    for words in update "install --yes --no-install-recommends ${packages[*]}" clean; do
        # shellcheck disable=SC2086
        chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 \
            apt-get --quiet=2 $words >"$work/log" 2>&1 9>&- ||
            fail "apt-get $words failed in the root: $(tail -n 20 "$work/log")"
    done
    rm "$root/usr/sbin/policy-rc.d"
    # An installed system has it.
    printf '127.0.0.1 localhost\n::1 localhost\n127.0.1.1 %s\n' "$(<"$root/etc/hostname")" \
        >"$root/etc/hosts"
    chroot "$root" useradd --create-home --shell /bin/bash newcomer
    echo 'newcomer ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/newcomer"
    chmod 0440 "$root/etc/sudoers.d/newcomer"

    python=$(chroot "$root" python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    python3 -m venv "$work/venv"
    # The wheels of websockets that are for one machine are faster, and no better here.
    "$work/venv/bin/pip" download --quiet --disable-pip-version-check --dest "$root/opt/wheels" \
        --only-binary=:all: --implementation py --abi none --platform any \
        --python-version "$python" hatchling 'websockets>=15,<18' 9>&-
    install --mode=0755 "$(npx --yes --package node@22 -- node --print process.execPath 9>&-)" \
        "$root/usr/local/bin/node"
    npm install --silent --no-audit --no-fund --prefix "$root/opt/javascript" \
        socket.io-client@4 9>&- >&2
    chmod -R a+rX "$root/opt"

    rm -f "$folder"/newcomer-*.tar
    tar --directory="$root" --numeric-owner --create --file="$work/tar" .
    mv "$work/tar" "$archive"
    echo "a newcomer's system took $SECONDS s" >&2
fi
realpath "$archive"
