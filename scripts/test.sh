#!/usr/bin/env bash
# Installs what the tests need, then checks and tests everything.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

headline() {
    printf '\n=== %s (after %d s)\n' "$1" "$SECONDS"
}

headline "What the tests need"
need_rust
# To build: a C compiler, which also links. For the feeds: a broker. For clients in other languages:
# Node, Python with its own folders for packages, curl and a browser. For the monitor: a display, and what its window loads when it opens.
install_missing cc=build-essential \
    mosquitto mosquitto-clients node=nodejs npm=npm python3=python3 \
    python3-venv curl=curl chromium=chromium \
    xvfb libgl1 libgl1-mesa-dri libegl1 libx11-xcb1 libxcursor1 libxi6 libxkbcommon0 \
    libxkbcommon-x11-0 libxrandr2
for component in rustfmt clippy; do
    cargo "${component/rustfmt/fmt}" --version >/dev/null 2>&1 || rustup component add "$component"
done
cargo fetch --locked

headline "Formatting"
cargo fmt --all --check

headline "Lints"
cargo clippy --locked --workspace --all-targets -- --deny warnings

headline "Documentation"
RUSTDOCFLAGS="--deny warnings" cargo doc --locked --workspace --no-deps

headline "Tests"
cargo test --locked --workspace --no-fail-fast

headline "The load tester's own test"
# Its 6 says that it measures, on a machine too busy for exact figures: enough here.
# The tests have built it; cargo would build it anew for its own choice of features.
"${CARGO_TARGET_DIR:-target}/debug/tickcast-loadtest" selftest || (($? == 6))

headline "JavaScript client"
(
    cd clients/javascript
    npm ci --no-audit --no-fund
    npm run check
    # What Debian and Ubuntu bring may be older than what the client needs.
    if (($(node --print 'parseInt(process.versions.node)') < 20)); then
        npx --yes --package node@22 -- npm test
    else
        npm test
    fi
)

headline "All is well"
