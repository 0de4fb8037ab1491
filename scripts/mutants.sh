#!/usr/bin/env bash
# Mutation testing: changes one condition, operator or result at a time, and runs the tests beside
# it. A change that no test notices is printed as MISSED.
#
#   scripts/mutants.sh core [OPTION...]      the core: at least 90 % must be caught
#   scripts/mutants.sh checks [OPTION...]    what keeps a client out or bounds it: all must be
#
# Options go to cargo-mutants. Useful ones: --list, --file server/core/src/shard/pace.rs, and
# --shard 0/8 for a part. A mutant takes four seconds in the core, and about ten in the server.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

# The share of the core's mutants that must be caught, in percent.
CORE_MIN=90

# Memory of one process, in KiB: a mutant may allocate without end.
MEMORY_MAX_KIB=$((12 * 1024 * 1024))

# Files that check origins, hosts, permissions, limits, timeouts and frames.
CORE_CHECKS=(
    'server/core/src/identity/*.rs'
    server/core/src/permissions.rs
    server/core/src/sequencer/new_topics.rs
    server/core/src/settings.rs
    server/core/src/shard/joint.rs
    server/core/src/shard/joint_limits.rs
    server/core/src/shard/pace.rs
    server/core/src/shard/posting.rs
    server/core/src/shard/publish_budget.rs
    server/core/src/shard/publishing.rs
    server/core/src/shard/request_budget.rs
    server/core/src/shard/timers.rs
    server/core/src/token_bucket.rs
    server/core/src/totals.rs
    server/core/src/wire/event.rs
    server/core/src/wire/frame.rs
)
SERVER_CHECKS=(
    server/src/accounts.rs
    server/src/auth/bounded.rs
    server/src/auth/listed.rs
    server/src/auth/operators.rs
    server/src/auth/revoked.rs
    server/src/auth/seats.rs
    server/src/auth/secret.rs
    server/src/auth/shared.rs
    server/src/auth/signed.rs
    server/src/auth/state.rs
    server/src/auth/tickets.rs
    server/src/net/body.rs
    server/src/net/closing.rs
    server/src/net/descriptors.rs
    server/src/net/gate.rs
    server/src/net/http_connection.rs
    server/src/net/known_clients.rs
    server/src/net/listener.rs
    server/src/net/peer.rs
    server/src/net/permits.rs
    server/src/net/preamble.rs
    server/src/net/proxy_protocol/mod.rs
    server/src/net/refusal_log.rs
    'server/src/net/request/*.rs'
    server/src/net/request_limits.rs
    server/src/net/route.rs
    server/src/net/socket_io/packet.rs
    server/src/net/socket_io/payload.rs
    server/src/net/socket_io/request.rs
    server/src/net/socket_io/sessions.rs
    server/src/net/tickets.rs
    server/src/net/turned_away.rs
    server/src/net/unsent.rs
    'server/src/net/ws_reader/*.rs'
    server/src/settings/mod.rs
    server/src/settings/site.rs
    server/src/settings/values.rs
)

# Runs the mutants of a package against its own tests, and prints how many were caught.
mutate() {
    local name=$1 minimum=$2
    shift 2
    local out=target/mutants/$name missed caught percent
    mkdir -p "$out"
    # 2 stands for mutants that were missed, and 3 for some that took too long.
    cargo mutants --output "$out" "$@" || { (($? == 2 || $? == 3)) || exit 1; }
    if [[ ! -f $out/mutants.out/missed.txt ]]; then
        return
    fi
    missed=$(wc -l <"$out/mutants.out/missed.txt")
    caught=$(cat "$out/mutants.out/caught.txt" "$out/mutants.out/timeout.txt" | wc -l)
    if ((missed + caught == 0)); then
        return
    fi
    percent=$((100 * caught / (missed + caught)))
    echo "$name: $caught of $((missed + caught)) mutants caught ($percent %)"
    if ((percent < minimum)); then
        fail "At least $minimum % must be caught. $out/mutants.out/missed.txt lists the others."
    fi
}

files() {
    printf -- '--file\n%s\n' "$@"
}

need_rust
cargo mutants --version >/dev/null 2>&1 ||
    fail "No cargo-mutants found: cargo install --locked cargo-mutants"
what=${1-}
shift || true

# Most of a mutant's time is compiling and linking. A failing property is not made smaller, and its
# seed is not kept.
export CARGO_PROFILE_DEV_DEBUG=none RUST_BACKTRACE=0
export PROPTEST_MAX_SHRINK_ITERS=0 PROPTEST_DISABLE_FAILURE_PERSISTENCE=1
ulimit -v "$MEMORY_MAX_KIB"

case $what in
core)
    mutate core "$CORE_MIN" --package tickcast-core "$@" -- --lib --tests
    ;;
checks)
    mapfile -t only < <(files "${CORE_CHECKS[@]}")
    mutate core-checks 100 --package tickcast-core "${only[@]}" "$@" -- --lib --tests
    mapfile -t only < <(files "${SERVER_CHECKS[@]}")
    mutate server-checks 100 --package tickcast-server "${only[@]}" "$@" -- --lib
    ;;
*)
    fail "Say what to test: scripts/mutants.sh core, or scripts/mutants.sh checks"
    ;;
esac
