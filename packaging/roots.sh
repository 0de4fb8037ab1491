# shellcheck shell=bash
# Sourced by scripts that make archives of small systems for the tests.

# grown NAME FINISH PACKAGE...
#
# Prints the path of an archive with the small system of root.sh, these packages beside it, and what
# the function FINISH adds. Makes it first if there is none for packaging/NAME.sh as it is and these
# packages. FINISH finds the system in $root, and a folder for its own files in $work.
grown() {
    local name=$1 finish=$2 base key folder archive words
    shift 2
    base=$(packaging/root.sh)
    key=$(cat "packaging/$name.sh" packaging/roots.sh - <<<"$*" | cksum | cut --delimiter=' ' --fields=1)
    folder=$(dirname "$base")
    archive=$folder/$name-$key-$(basename "$base")
    # Two runs at the same time make one.
    exec 9>"$folder/$name.lock"
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
        for words in update "install --yes --no-install-recommends $*" clean; do
            # shellcheck disable=SC2086
            chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 \
                apt-get --quiet=2 $words >"$work/log" 2>&1 9>&- ||
                fail "apt-get $words failed in the root: $(tail -n 20 "$work/log")"
        done
        rm "$root/usr/sbin/policy-rc.d"
        # An installed system has it.
        printf '127.0.0.1 localhost\n::1 localhost\n127.0.1.1 %s\n' "$(<"$root/etc/hostname")" \
            >"$root/etc/hosts"
        "$finish" 9>&-

        rm -f "$folder/$name"-*.tar
        tar --directory="$root" --numeric-owner --create --file="$work/tar" .
        mv "$work/tar" "$archive"
        echo "the system $name took $SECONDS s" >&2
    fi
    realpath "$archive"
}
