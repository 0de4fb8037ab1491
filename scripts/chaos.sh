#!/usr/bin/env bash
# Breaks everything around a running server for a while, and checks what subscribers got.
#
#   scripts/chaos.sh [MINUTES] [more options of tickcast-chaos]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

need_rust
install_missing cc=build-essential mosquitto mosquitto-clients faketime
minutes=${1:-30}
cargo build --locked --release -p tickcast-server
cargo build --locked --release -p tickcast-chaos
folder=${CARGO_TARGET_DIR:-target}/release
"$folder/tickcast-chaos" --server "$folder/tickcast-server" --seconds $((minutes * 60)) "${@:2}"
