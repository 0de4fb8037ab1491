#!/usr/bin/env bash
# Prints the path of an archive with a small Debian or Ubuntu, of the release of this machine and
# from the mirror of its apt. Makes it first if there is none, which takes a minute or two.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

# What the packages need beside the smallest system: what makes users where systemd does not run.
readonly BESIDES=systemd-standalone-sysusers

((EUID == 0)) ||
    fail "A root of its own for packages can only be made by root: run this with sudo."
. /etc/os-release
architecture=$(dpkg --print-architecture)
folder=${CARGO_TARGET_DIR:-target}/packaging
archive=$folder/root-$VERSION_CODENAME-$architecture.tar
mkdir -p "$folder"
# Two runs at the same time make one.
exec 9>"$folder/lock"
flock 9
if ! [[ -e $archive ]]; then
    command -v debootstrap >/dev/null ||
        fail "No debootstrap found: scripts/test.sh installs it, and so does apt-get install debootstrap."
    # The first mirror that has this release itself, not its updates.
    # shellcheck disable=SC2016
    mirror=$(apt-get indextargets --no-release-info --format '$(RELEASE) $(REPO_URI)' \
        'Created-By: Packages' 'Component: main' |
        sed --quiet "s/^$VERSION_CODENAME //p" | head -n 1)
    [[ -n $mirror ]] || fail "apt-get indextargets names no mirror of $VERSION_CODENAME."
    work=$(mktemp --directory --tmpdir="$(realpath "$folder")")
    trap 'rm -rf "$work"' EXIT
    SECONDS=0
    debootstrap --variant=minbase --include="$BESIDES" "$VERSION_CODENAME" "$work/root" "$mirror" \
        >"$work/log" 2>&1 9>&- || fail "debootstrap failed: $(tail -n 20 "$work/log")"
    rm -rf "$work"/root/var/cache/apt/archives/*.deb
    tar --directory="$work/root" --numeric-owner --create --file="$work/tar" .
    mv "$work/tar" "$archive"
    echo "debootstrap took $SECONDS s" >&2
fi
realpath "$archive"
