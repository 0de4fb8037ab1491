#!/usr/bin/env bash
# Prints the path of an archive with a small Debian or Ubuntu, which comes from the mirror of this
# machine's apt. Makes it first if there is none, which takes a minute or two.
#
#   packaging/root.sh [newer]
#
# It is of the release of this machine, or of the newer one on which packages that are built here
# must run as well. Prints nothing where there is none.
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
release=$VERSION_CODENAME
if [[ ${1:-} == newer ]]; then
    case $release in
    bookworm) release=trixie ;;
    *) exit ;;
    esac
fi
archive=$folder/root-$release-$architecture.tar
mkdir -p "$folder"
# Two runs at the same time make one.
exec 9>"$folder/lock"
flock 9
if ! [[ -e $archive ]]; then
    command -v debootstrap >/dev/null ||
        fail "No debootstrap found: scripts/test.sh installs it, and so does apt-get install debootstrap."
    # The first mirror that has the release of this machine itself, not its updates.
    # shellcheck disable=SC2016
    mirror=$(apt-get indextargets --no-release-info --format '$(RELEASE) $(REPO_URI)' \
        'Created-By: Packages' 'Component: main' |
        sed --quiet "s/^$VERSION_CODENAME //p" | head -n 1)
    [[ -n $mirror ]] || fail "apt-get indextargets names no mirror of $VERSION_CODENAME."
    work=$(mktemp --directory --tmpdir="$(realpath "$folder")")
    trap 'rm -rf "$work"' EXIT
    SECONDS=0
    debootstrap --variant=minbase --include="$BESIDES" "$release" "$work/root" "$mirror" \
        >"$work/log" 2>&1 9>&- || fail "debootstrap failed: $(tail -n 20 "$work/log")"
    rm -rf "$work"/root/var/cache/apt/archives/*.deb
    tar --directory="$work/root" --numeric-owner --create --file="$work/tar" .
    mv "$work/tar" "$archive"
    echo "debootstrap took $SECONDS s" >&2
fi
realpath "$archive"
