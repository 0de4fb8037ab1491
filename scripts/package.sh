#!/usr/bin/env bash
# Builds the Debian packages tickcast-server, tickcast-monitor and tickcast (the command).
#
#   scripts/package.sh [--binaries DIR] [--output DIR] [--compression NAME]
#
# --binaries     Takes the programs of this folder. Without it, makes a release build.
# --output       Where the packages go (default: target/packages).
# --compression  Of the packages: xz (default), gzip, zstd or none.
#
# The same sources and programs make the same packages: times are those of the last commit, or of
# SOURCE_DATE_EPOCH. DEBFULLNAME and DEBEMAIL name the one who answers for the packages.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

readonly MAINTAINER="${DEBFULLNAME:-The Tickcast contributors} <${DEBEMAIL:-tickcast@localhost}>"

binaries=
output=${CARGO_TARGET_DIR:-target}/packages
compression=xz
while (($# > 0)); do
    (($# >= 2)) || fail "$1: a value is missing. Usage: see the head of $0."
    case $1 in
    --binaries) binaries=$2 ;;
    --output) output=$2 ;;
    --compression) compression=$2 ;;
    *) fail "$1: there is no such option. Usage: see the head of $0." ;;
    esac
    shift 2
done

# stage MODE FILE PATH: copies a file to its place in the package.
stage() {
    install -D --mode="$1" "$2" "$tree/$3"
}

# program NAME: the program without its symbols for debuggers.
program() {
    [[ -x $binaries/$1 ]] || fail "$binaries has no $1: cargo build --workspace makes it."
    stage 0755 "$binaries/$1" "usr/bin/$1"
    strip --strip-unneeded --remove-section=.comment "$tree/usr/bin/$1"
}

# documents FILE...: what every package has, and these documents.
documents() {
    local folder=usr/share/doc/$name file
    stage 0644 packaging/debian/copyright "$folder/copyright"
    for file in "$@"; do
        stage 0644 "$file" "$folder/${file##*/}"
    done
    gzip --best --no-name <CHANGELOG.md >"$tree/$folder/changelog.gz"
    gzip --best --no-name >"$tree/$folder/changelog.Debian.gz" <<EOT
$name ($version) unstable; urgency=medium

  * See changelog.gz.

 -- $MAINTAINER  $(date --utc --rfc-email --date="@$SOURCE_DATE_EPOCH")
EOT
}

# Prints the packages of the shared libraries that the program is linked to.
libraries() {
    local found
    mkdir -p "$work/shlibs/debian"
    printf 'Source: tickcast\n\nPackage: %s\nArchitecture: any\n' "$name" \
        >"$work/shlibs/debian/control"
    found=$(
        cd "$work/shlibs"
        # It warns that the program is not in the folder of a Debian source package.
        dpkg-shlibdeps --warnings=0 -O "$tree/usr/bin/$name" 2>errors ||
            fail "dpkg-shlibdeps: $(<errors)"
    )
    echo "${found#shlibs:Depends=}"
}

# build SECTION DEPENDS RECOMMENDS SUMMARY < DESCRIPTION: writes the package of the tree.
build() {
    mkdir -p "$tree/DEBIAN"
    # dpkg --verify compares them. Settings are no part of it.
    (cd "$tree" && find usr -type f | LC_ALL=C sort | xargs md5sum) >"$tree/DEBIAN/md5sums"
    {
        printf 'Package: %s\nVersion: %s\n' "$name" "$version"
        printf 'Architecture: %s\nMaintainer: %s\n' "$architecture" "$MAINTAINER"
        printf 'Installed-Size: %s\n' "$(du --summarize --apparent-size --block-size=1024 \
            --exclude=DEBIAN "$tree" | cut --fields=1)"
        printf 'Section: %s\nPriority: optional\nDepends: %s\n' "$1" "$2"
        [[ -z $3 ]] || printf 'Recommends: %s\n' "$3"
        printf 'Description: %s\n' "$4"
        sed 's/^/ /'
    } >"$tree/DEBIAN/control"
    find "$tree" -type d -exec chmod 0755 {} +
    dpkg-deb --root-owner-group "-Z$compression" --build "$tree" "$output" >/dev/null
    echo "$output/${name}_${version}_$architecture.deb"
}

# begin NAME: the next package, with an empty tree.
begin() {
    name=$1
    tree=$work/$name
}

install_missing dpkg-shlibdeps=dpkg-dev strip=binutils
version=$(sed --quiet 's/^version = "\(.*\)"/\1/p' Cargo.toml)-1
architecture=$(dpkg --print-architecture)
if [[ -z ${SOURCE_DATE_EPOCH-} ]]; then
    # Without the history, such as in an archive of the sources, it is the time of the changes.
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || stat --format=%Y CHANGELOG.md)
fi
export SOURCE_DATE_EPOCH

if [[ -z $binaries ]]; then
    need_rust
    cargo build --locked --release --package tickcast-server --package tickcast-monitor \
        --package tickcast-cli
    binaries=${CARGO_TARGET_DIR:-target}/release
fi
mkdir -p "$output"
output=$(realpath "$output")
binaries=$(realpath "$binaries")
work=$(mktemp --directory)
trap 'rm -rf "$work"' EXIT
umask 022

begin tickcast-server
program tickcast-server
documents docs/operations.md docs/security.md docs/install.md
stage 0644 packaging/debian/tickcast-server.service \
    usr/lib/systemd/system/tickcast-server.service
stage 0644 packaging/debian/tickcast-server.sysusers usr/lib/sysusers.d/tickcast-server.conf
# It may hold passwords: only root reads it until the user of the server exists.
{
    cat packaging/debian/server-head.toml
    # Every setting with its text, where the program can print them. None of them is set.
    if template=$("$binaries/tickcast-server" config 2>/dev/null); then
        printf '\n%s\n' "$template"
    fi
    cat packaging/debian/server-tail.toml
} >"$work/server.toml"
stage 0600 "$work/server.toml" etc/tickcast/server.toml
"$binaries/tickcast-server" --config "$work/server.toml" --check >/dev/null
mkdir -p "$tree/DEBIAN"
echo /etc/tickcast/server.toml >"$tree/DEBIAN/conffiles"
for script in postinst prerm postrm; do
    stage 0755 "packaging/debian/$name.$script" "DEBIAN/$script"
done
build net \
    "$(libraries), systemd | systemd-standalone-sysusers | systemd-sysusers" \
    "ca-certificates" \
    "pushes live market and sensor data to many subscribers" <<'EOT'
Takes updates from MQTT, files, programs and its own clients, and pushes them
over WebSocket. No update is lost without notice: a subscriber gets every
update, or the exact number of those it missed.
EOT

begin tickcast-monitor
program tickcast-monitor
documents README.md
stage 0644 packaging/monitor/tickcast-monitor.desktop \
    usr/share/applications/tickcast-monitor.desktop
stage 0644 packaging/monitor/tickcast-monitor.svg \
    usr/share/icons/hicolor/scalable/apps/tickcast-monitor.svg
# It opens the libraries of its window by name, so that they are in no list of the program.
opened=$(printf ', %s' "${WINDOW_LIBRARIES[@]}")
build science "$(libraries)$opened" "fontconfig, hicolor-icon-theme" \
    "charts the live data of Tickcast servers" <<'EOT'
Shows topics, charts, candles and losses of one or more Tickcast servers while
they happen, records them, and plays recordings.
EOT

begin tickcast
program tickcast
documents docs/cli.md
mkdir -p "$tree/usr/share/man/man1"
"$binaries/tickcast" man --dir "$tree/usr/share/man/man1" >/dev/null
gzip --best --no-name "$tree"/usr/share/man/man1/*.1
while read -r shell path; do
    mkdir -p "$tree/usr/share/${path%/*}"
    "$binaries/tickcast" completions "$shell" >"$tree/usr/share/$path"
done <<'EOT'
bash bash-completion/completions/tickcast
fish fish/vendor_completions.d/tickcast.fish
zsh zsh/vendor-completions/_tickcast
EOT
build net "$(libraries)" "ca-certificates" \
    "watches, asks and publishes live data of Tickcast servers" <<'EOT'
A command for the shell: shows updates as they come or the newest values,
publishes, records and replays, checks servers, and makes tokens.
EOT
