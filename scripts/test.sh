#!/usr/bin/env bash
# Installs what the tests need, then checks and tests everything.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh
. scripts/checks.sh

# Maximum number of tests that may fail beside others and pass alone. More are no accident.
readonly AGAIN_MAX=3

# All tests. Most of them wait most of their time, so two streams of programs run at the same time:
# the longest program, and all others. They start brokers, proxies and browsers, and a machine with
# other work may break a deadline: what fails is run once more, alone. A test that passes then is
# named.
test_all() {
    local folder failed name are_well=1 first second
    folder=$(mktemp --directory)
    cargo test --locked --workspace --no-run
    run_tests --test 'p*' >"$folder/first.output" 2>"$folder/first.errors" &
    first=$!
    {
        are_well=1
        run_tests --lib --bins --examples --test '[!p]*' || are_well=0
        run_tests --doc || are_well=0
        ((are_well))
    } >"$folder/second.output" 2>"$folder/second.errors" &
    second=$!
    # No pipe, because a process that a test leaves would hold it open.
    tail --follow --lines=+1 --pid=$second "$folder"/second.{errors,output}
    wait $first || are_well=0
    wait $second || are_well=0
    cat "$folder"/first.{errors,output}
    if ((are_well)); then
        return
    fi
    mapfile -t failed < <(cat "$folder"/*.output |
        sed --quiet 's/^test \(.*\) \.\.\. FAILED$/\1/p' | sort --unique)
    # A program that does not compile, or that ends early, names no test.
    (($(cat "$folder"/*.output | grep --count '^test result: FAILED') ==
        $(cat "$folder"/*.errors | grep --count '^    `')))
    ((${#failed[@]} > 0 && ${#failed[@]} <= AGAIN_MAX))

    headline "Failed, and now alone: ${failed[*]}"
    cargo test --locked --workspace -- --test-threads=1 --exact "${failed[@]}" | tee "$folder/again"
    for name in "${failed[@]}"; do
        grep --quiet --fixed-strings --line-regexp "test $name ... ok" "$folder/again"
    done
    headline "Passed alone, failed beside others: ${failed[*]}"
}

run_tests() {
    cargo test --locked --workspace --no-fail-fast "$@"
}

need_rust
check_format

headline "What the tests need"
# A C compiler, which also links. A broker for feeds and outputs. Prometheus for the dashboard and
# the alerts. Proxies in front of the server. Node, Python with virtual environments, curl and a
# browser for clients in other languages. A display for the monitor, and the libraries that its
# window loads when it opens. The authorities that a system trusts, and tools for certificates of
# one's own. A small system in which packages are installed, what systemd says of their unit, and
# what passes sockets as it does. Networks of their own for the nodes of a cluster.
install_missing cc=build-essential \
    mosquitto mosquitto-clients nats-server promtool=prometheus faketime nginx haproxy \
    caddy=caddy node=nodejs npm=npm python3=python3 python3-venv python3-yaml curl=curl \
    chromium=chromium \
    xvfb "${WINDOW_LIBRARIES[@]}" ca-certificates openssl=openssl certutil=libnss3-tools \
    debootstrap=debootstrap dpkg-shlibdeps=dpkg-dev strace=strace systemd-analyze=systemd \
    ip=iproute2
cargo fetch --locked

# Made once, and kept in the folder of the build.
venv=$(realpath -m "${CARGO_TARGET_DIR:-target}/python")
prepare() {
    packaging/root.sh
    packaging/root.sh newer
    packaging/booted.sh
    packaging/newcomer.sh
    (cd clients/javascript && npm ci --no-audit --no-fund)
    if ! [[ -x $venv/bin/pip ]]; then python3 -m venv --clear "$venv"; fi
    cd clients/python
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement tests/requirements.txt
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
        --editable .
}

# It waits for the network, and the lints for the processor.
prepared=$(mktemp)
(prepare) >"$prepared" 2>&1 &
preparing=$!
check_lints

headline "Small systems for the packages, and what the clients need"
is_prepared=0
wait "$preparing" || is_prepared=$?
cat "$prepared"
((is_prepared == 0))

headline "Documentation"
RUSTDOCFLAGS="--deny warnings" cargo doc --locked --workspace --no-deps

headline "Tests"
test_all

headline "The load tester's own test"
# Exit code 6 means that it measures correctly on a machine too busy for exact figures: enough here.
# The tests have built it. Cargo would build it again for this package's own choice of features.
"${CARGO_TARGET_DIR:-target}/debug/tickcast-loadtest" selftest || (($? == 6))

headline "Chaos"
# A minute of faults around a running server. scripts/chaos.sh does the same for longer.
folder=${CARGO_TARGET_DIR:-target}/debug
"$folder/tickcast-chaos" --server "$folder/tickcast-server" --seconds 60 --seed 1

headline "JavaScript client"
(
    cd clients/javascript
    npm run check
    # Debian and Ubuntu may bring an older Node than the client needs.
    if (($(node --print 'parseInt(process.versions.node)') < 20)); then
        npx --yes --package node@22 -- npm test
    else
        npm test
    fi
)

headline "Python client"
(
    TICKCAST_SERVER=$(realpath "$folder/tickcast-server")
    export TICKCAST_SERVER
    cd clients/python
    "$venv/bin/ruff" check
    "$venv/bin/ruff" format --check
    "$venv/bin/mypy"
    # With 100 random lives of clients. TICKCAST_HISTORIES=1000 takes minutes.
    "$venv/bin/pytest" --quiet
)

headline "All is well"
