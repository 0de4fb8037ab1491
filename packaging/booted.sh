#!/usr/bin/env bash
# Prints the path of an archive with the small system of root.sh, systemd and an engine for
# containers, as packaging/boot.sh boots it. Makes it first if there is none.
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
    # The machine may not lend it the control group that counts processes.
    mkdir -p "$root/etc/containers"
    printf '[containers]\npids_limit = 0\n' >"$root/etc/containers/containers.conf"
}

grown booted finish systemd dbus sudo podman runc catatonit
