#!/usr/bin/env bash
# Demonstrates Tickcast: builds it, starts the server with simulated markets and sensors, and opens
# the monitor. Without a display it prints other ways to watch. Options go to the server:
# scripts/demo.sh --sim-rate 20000
#
# With --tls as the first option the server speaks TLS alone, with a certificate of an authority
# that is made for this run.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh
. scripts/certificates.sh

# Where the server listens with --tls.
TLS_ADDRESS=localhost:7443

# Longest time in which the server becomes ready. A replay reads its file first.
READY_S=30

is_ready() {
    curl --silent --fail --noproxy '*' --output /dev/null "${curl_tls[@]}" "$http://$address/readyz"
}

has_display() {
    [[ -n ${DISPLAY-} || -n ${WAYLAND_DISPLAY-} ]]
}

ways_to_watch() {
    local url=$ws://$address/ws curl_trust='' node_trust='' monitor_trust='' browser=''
    if [[ -n $folder ]]; then
        curl_trust="--cacert $folder/ca.pem "
        node_trust="NODE_EXTRA_CA_CERTS=$folder/ca.pem "
        monitor_trust=" --ca $folder/ca.pem"
        browser=" that trusts $folder/ca.pem, or after its warning"
    fi
    local request='{"type":"subscribe","id":1,"filters":["#"]}'
    cat <<EOT

The server pushes updates at $url. Watch them from another terminal:

  The newest values, once:
    curl $curl_trust'$http://$address/v1/latest?filter=%23'
  All topics, in a browser$browser:
    $http://$address/
  Every update, with Node 22 or newer:
    ${node_trust}node -e 'const s = new WebSocket("$url"); s.onopen = () => s.send(JSON.stringify($request)); s.onmessage = (m) => console.log(m.data)'
  Charts, on a machine with a display:
    cargo run --release --package tickcast-monitor -- --url $url$monitor_trust

Press Ctrl+C to stop the server.

EOT
}

folder=
http=http
ws=ws
curl_tls=()
monitor_tls=()
if [[ ${1-} == --tls ]]; then
    shift
    install_missing openssl=openssl
    folder=$(mktemp --directory)
    trap 'rm -rf "$folder"' EXIT
    make_certificates "$folder"
    cat >"$folder/tickcast.toml" <<EOT
[[listen]]
address = "$TLS_ADDRESS"
tls_cert = "$folder/server.pem"
tls_key = "$folder/server.key"
EOT
    set -- --config "$folder/tickcast.toml" "$@"
    http=https
    ws=wss
    curl_tls=(--cacert "$folder/ca.pem")
    monitor_tls=(--ca "$folder/ca.pem")
fi

# Silent sensors become stale, then dead. One sensor of the simulated plant is silent now and then.
set -- "$@" --liveness "plant/#=2s,dead_after=15s"

need_rust
install_missing cc=build-essential curl=curl
packages=(--package tickcast-server)
if has_display; then
    packages+=(--package tickcast-monitor)
    install_missing "${WINDOW_LIBRARIES[@]}"
fi
cargo build --locked --release "${packages[@]}"
programs=${CARGO_TARGET_DIR:-target}/release

# The script ends here if a setting is wrong, or with an option such as --help.
settings=$("$programs/tickcast-server" "$@" --print-config)
address=$(sed -n 's/^listen = "\([^"]*\)".*/\1/p' <<<"$settings")
if [[ -n $folder ]]; then
    address=$TLS_ADDRESS
fi
if [[ -z $address ]]; then
    echo "$settings"
    exit
fi
if [[ $address == *:0 ]]; then
    fail "The demonstration needs a fixed port. Choose one, such as --listen 127.0.0.1:7400"
fi
# A server that listens on all addresses can be reached at the local one.
address=${address/#0.0.0.0:/127.0.0.1:}
address=${address/#:/127.0.0.1:}
address=${address/#\[::\]:/[::1]:}
if is_ready; then
    fail "A server already runs on $address. Stop it, or choose another port with --listen"
fi

started=()
stop_all() {
    trap '' HUP INT TERM
    if ((${#started[@]} > 0)); then
        kill -TERM "${started[@]}" 2>/dev/null || true
        wait "${started[@]}" || true
    fi
    if [[ -n $folder ]]; then
        rm -rf "$folder"
    fi
}
trap stop_all EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# In a separate session: Ctrl+C reaches every process of this one, and a second signal makes the
# server exit at once. Without "<&0" it would have no standard input, which --feed stdin reads.
setsid "$programs/tickcast-server" "$@" <&0 &
server=$!
started+=("$server")

for ((tries = 0; ; tries++)); do
    if is_ready; then
        break
    elif ! kill -0 "$server" 2>/dev/null; then
        # The server has printed the reason.
        started=()
        wait "$server"
        exit
    elif ((tries >= READY_S * 10)); then
        fail "The server was not ready within $READY_S s."
    fi
    sleep 0.1
done

if has_display; then
    "$programs/tickcast-monitor" --url "$ws://$address/ws" "${monitor_tls[@]}" &
    monitor=$!
    started+=("$monitor")
    if wait "$monitor"; then
        exit
    fi
    echo "The monitor exited with an error." >&2
fi
ways_to_watch
wait "$server"
