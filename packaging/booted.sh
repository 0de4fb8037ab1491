#!/usr/bin/env bash
# Prints the path of an archive with the small system of root.sh and systemd, as packaging/boot.sh
# boots it. Makes it first if there is none.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh
. packaging/roots.sh

# shellcheck disable=SC2329
finish() {
    # Nothing is installed from the network later.
    rm -rf "$root"/var/lib/apt/lists/*
    # Each system makes its own when it boots first.
    : >"$root/etc/machine-id"
}

grown booted finish systemd sudo
