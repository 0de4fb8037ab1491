#!/usr/bin/env bash
# Measures how old values are when they arrive over a slow link:
#
#   scripts/slow-link.sh [RATE] [SECONDS] [WARM_UP_SECONDS]
#
# Two network namespaces are joined by a virtual cable whose server's end passes RATE (256kbit by
# default; tc's notation) through a token bucket. A server with its defaults (64 topics, 1,000
# updates/s) is in the first, a client in each encoding in the second, and one more client beside
# the server. Values of the first WARM_UP_SECONDS (3 by default) do not count: a new link is not
# known yet. `scripts/slow-link.sh 1mbit 3 0` measures just these. The script needs root, iproute2
# and python3, and a build of the server: cargo build. SERVER names another program, TOPICS is
# another number of topics; BURST and LATENCY change the bucket.
set -euo pipefail
cd "$(dirname "$0")/.."

rate=${1:-256kbit}
seconds=${2:-30}
warm_up=${3:-3}
topics=${TOPICS:-64}
server=${SERVER:-target/debug/tickcast-server}
near=tickcast-near-$$
far=tickcast-far-$$
pids=()

end() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    ip netns del "$near" 2>/dev/null || true
    ip netns del "$far" 2>/dev/null || true
}
trap end EXIT

ip netns add "$near"
ip netns add "$far"
ip -n "$near" link add near0 type veth peer name far0 netns "$far"
ip -n "$near" addr add 192.0.2.1/24 dev near0
ip -n "$far" addr add 192.0.2.2/24 dev far0
for place in "$near lo" "$near near0" "$far lo" "$far far0"; do
    ip -n "${place% *}" link set "${place#* }" up
done
tc -n "$near" qdisc add dev near0 root tbf rate "$rate" burst "${BURST:-16kb}" \
    latency "${LATENCY:-400ms}"

ip netns exec "$near" "$server" --listen 0.0.0.0:7400 --shards 1 \
    --sim-instruments "$((topics * 3 / 8))" --sim-sensors "$((topics / 4))" 2>/dev/null &
pids+=($!)
sleep 2
measure() { # namespace, host, encoding, label
    ip netns exec "$1" python3 scripts/slow_link.py "$2" 7400 "$3" "$seconds" "$warm_up" "$4"
}
measure "$near" 127.0.0.1 json "beside the server" &
beside=$!
measure "$far" 192.0.2.1 json "$rate"
wait "$beside"
measure "$far" 192.0.2.1 bincode "$rate"
