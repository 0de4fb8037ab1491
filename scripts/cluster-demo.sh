#!/usr/bin/env bash
# Starts a stream and three nodes on this machine, kills the node that runs the feed, and shows that
# another one takes it over. Ctrl-C ends everything.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/packages.sh
# Debian installs it in a folder that is not on every user's path.
PATH+=:/usr/sbin:/usr/local/sbin

need_rust
install_missing nats-server=nats-server curl=curl
cargo build --release --locked --package tickcast-server

folder=$(mktemp --directory)
trap 'kill $(jobs -p) 2>/dev/null; wait; rm -r "$folder"' EXIT

nats-server --addr 127.0.0.1 --port 4333 --jetstream --store_dir "$folder" >"$folder/nats.log" 2>&1 &
for number in 0 1 2; do
    target/release/tickcast-server --listen "127.0.0.1:740$number" \
        --cluster-servers nats://127.0.0.1:4333 --cluster-node "node-$number" \
        >"$folder/node-$number.log" 2>&1 &
    nodes[number]=$!
done

# Waits until a node answers.
until_up() {
    until curl --silent --fail "http://127.0.0.1:$1/readyz" >/dev/null; do
        sleep 0.2
    done
}

for number in 0 1 2; do
    until_up "740$number"
done
echo "Three nodes are up. What one of them says of the cluster:"
curl --silent http://127.0.0.1:7401/v1/cluster
echo
owner=$(curl --silent http://127.0.0.1:7401/v1/cluster |
    grep --only-matching '"feed":"simulated","node":"node-[0-2]"' | grep --only-matching '[0-2]"$')
owner=${owner%\"}
echo "node-$owner runs the feed. It is killed now."
kill -KILL "${nodes[owner]}"
other=$(((owner + 1) % 3))
until curl --silent "http://127.0.0.1:740$other/v1/cluster" |
    grep --quiet "\"feed\":\"simulated\",\"node\":\"node-[^$owner]\""; do
    sleep 0.2
done
echo "Another node runs it:"
curl --silent "http://127.0.0.1:740$other/v1/cluster"
echo
echo "Look at http://127.0.0.1:740$other/ in a browser. Ctrl-C ends all."
wait
