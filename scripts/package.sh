#!/usr/bin/env bash
# Builds the Debian packages tickcast-server, tickcast-monitor and tickcast (the command), or an
# archive with the server and the command as static programs, which run on every Linux.
#
#   scripts/package.sh [--static] [--binaries DIR] [--output DIR] [--compression NAME]
#
# --static       Builds the archive instead of the packages, with musl instead of glibc.
# --binaries     Takes the programs of this folder. Without it, makes a release build.
# --output       Where the packages or the archive go (default: target/packages).
# --compression  Of them: xz (default), gzip, zstd or none.
#
# The same sources and programs make the same packages: times are those of the last commit, or of
# SOURCE_DATE_EPOCH. DEBFULLNAME and DEBEMAIL name the one who answers for the packages.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

readonly MAINTAINER="${DEBFULLNAME:-The Tickcast contributors} <${DEBEMAIL:-tickcast@localhost}>"

is_static=false
binaries=
output=${CARGO_TARGET_DIR:-target}/packages
compression=xz
while (($# > 0)); do
    if [[ $1 == --static ]]; then
        is_static=true
        shift
        continue
    fi
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

# pages DIR: the manual pages and completions of the command, below this folder of the tree.
pages() {
    local shell path
    mkdir -p "$tree/$1/man/man1"
    "$binaries/tickcast" man --dir "$tree/$1/man/man1" >/dev/null
    gzip --best --no-name "$tree/$1"/man/man1/*.1
    while read -r shell path; do
        mkdir -p "$tree/$1/${path%/*}"
        "$binaries/tickcast" completions "$shell" >"$tree/$1/$path"
    done <<'EOT'
bash bash-completion/completions/tickcast
fish fish/vendor_completions.d/tickcast.fish
zsh zsh/vendor-completions/_tickcast
EOT
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

# static_program NAME: the program without its symbols, which needs no other file.
static_program() {
    program "$1"
    [[ $(readelf --wide --program-headers "$tree/usr/bin/$1") != *INTERP* ]] ||
        fail "$binaries/$1 needs shared libraries: build it for $(static_target)."
}

# static_target: what static programs are built for.
static_target() {
    echo "$(uname -m)-unknown-linux-musl"
}

# archive: the static programs with what belongs to them, in one folder.
archive() {
    local file name tar
    name=tickcast-${version%-*}-$(static_target)
    begin "$name"
    static_program tickcast-server
    static_program tickcast
    pages usr/share
    for file in LICENSE-APACHE LICENSE-MIT README.md CHANGELOG.md docs/install.md \
        docs/operations.md docs/security.md docs/cli.md; do
        stage 0644 "$file" "usr/share/doc/tickcast/${file##*/}"
    done
    # Every setting with its text. None of them is set.
    "$binaries/tickcast-server" config >"$work/server.toml"
    stage 0644 "$work/server.toml" usr/share/doc/tickcast/server.toml
    find "$tree" -type d -exec chmod 0755 {} +
    tar=$work/$name.tar
    tar --directory="$work" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 \
        --numeric-owner --create --file="$tar" "$name"
    case $compression in
    none) ;;
    gzip) gzip --best --no-name --force "$tar" && tar+=.gz ;;
    xz) xz --force "$tar" && tar+=.xz ;;
    zstd) zstd --quiet --rm --force "$tar" && tar+=.zst ;;
    *) fail "--compression $compression: use xz, gzip, zstd or none." ;;
    esac
    mv "$tar" "$output"
    echo "$output/${tar##*/}"
}

# begin NAME: the next package, with an empty tree.
begin() {
    name=$1
    tree=$work/$name
}

install_missing strip=binutils
version=$(sed --quiet 's/^version = "\(.*\)"/\1/p' Cargo.toml)-1
if [[ -z ${SOURCE_DATE_EPOCH-} ]]; then
    # Without the history, such as in an archive of the sources, it is the time of the changes.
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || stat --format=%Y CHANGELOG.md)
fi
export SOURCE_DATE_EPOCH

if [[ -z $binaries ]] && $is_static; then
    need_rust
    # Some parts of the programs are in C.
    install_missing musl-gcc=musl-tools
    if command -v rustup >/dev/null; then
        rustup target add "$(static_target)"
    fi
    cargo build --locked --release --target "$(static_target)" --package tickcast-server \
        --package tickcast-cli
    binaries=${CARGO_TARGET_DIR:-target}/$(static_target)/release
elif [[ -z $binaries ]]; then
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

if $is_static; then
    archive
    exit
fi

install_missing dpkg-shlibdeps=dpkg-dev
architecture=$(dpkg --print-architecture)

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
pages usr/share
build net "$(libraries)" "ca-certificates" \
    "watches, asks and publishes live data of Tickcast servers" <<'EOT'
A command for the shell: shows updates as they come or the newest values,
publishes, records and replays, checks servers, and makes tokens.
EOT
