#!/usr/bin/env bash
# Builds the archive with static programs, and tries them in a root in which there is nothing else:
# a server with a log on disk, the command, a name, the tools for the log, a clean end, and a second
# life that knows what the first one had.
#
#   packaging/static.sh [--binaries DIR]
#
# --binaries  Takes the static programs of this folder. Without it, makes a release build, which
#             takes a quarter of an hour. That is why no test runs this.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

# How long a step may take, in tenths of a second.
readonly STEP_MAX=300

((EUID == 0)) || fail "Only root can enter a root of its own: run this with sudo."
work=$(mktemp --directory)
server=
# shellcheck disable=SC2329
clean() {
    [[ -z $server ]] || kill -KILL "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap clean EXIT

archive=$(scripts/package.sh --static --compression gzip --output "$work" "$@" | tail -n 1)
[[ -f $archive ]] || fail "scripts/package.sh --static has made no archive."
root=$work/root
mkdir -p "$root/etc" "$root/var/lib/tickcast"
tar --extract --strip-components=1 --file="$archive" --directory="$root"
printf '127.0.0.1 localhost\n' >"$root/etc/hosts"

# in_root WORD...: runs a program in the root, without the environment of this machine.
in_root() {
    env -i PATH="$PATH" TICKCAST_URL="${url-}" chroot "$root" "$@"
}

# begin: starts the server, and waits for its address.
begin() {
    : >"$work/log"
    env -i PATH="$PATH" chroot "$root" /usr/bin/tickcast-server \
        --config /usr/share/doc/tickcast/server.toml --listen localhost:0 --feed none \
        --data /var/lib/tickcast 2>"$work/log" &
    server=$!
    for ((step = 0; step < STEP_MAX; step++)); do
        port=$(sed --quiet 's/.*listening on .*:\([0-9]*\).*/\1/p' "$work/log" | head -n 1)
        [[ -z $port ]] || break
        kill -0 "$server" 2>/dev/null || fail "The server does not start: $(<"$work/log")"
        sleep 0.1
    done
    [[ -n $port ]] || fail "The server does not listen: $(<"$work/log")"
    url=ws://localhost:$port/ws
}

# finish: ends the server as a service manager does.
finish() {
    kill -TERM "$server"
    wait "$server" || fail "The server has ended with $?: $(<"$work/log")"
    server=
}

# shows TEXT WORD...: what the command prints in the root has this text.
shows() {
    local expected=$1 found
    shift
    found=$(in_root "$@" 2>&1) || fail "$* has failed: $found"
    [[ $found == *"$expected"* ]] || fail "$*: expected $expected in: $found"
    echo "$*: $expected"
}

begin
shows 'tickcast-server' /usr/bin/tickcast check
shows '1 update published' /usr/bin/tickcast pub lab/scale 0.25
shows '"reading":0.25' /usr/bin/tickcast latest --format jsonl '#'
finish
shows '1 updates, 0 problems' /usr/bin/tickcast log verify /var/lib/tickcast
shows 'positions  1 to 1' /usr/bin/tickcast-server log stats /var/lib/tickcast
begin
shows '"reading":0.25' /usr/bin/tickcast latest --format jsonl '#'
finish
echo "The programs of ${archive##*/} need nothing but themselves."
