#!/usr/bin/env bash
# The inner loop: format, lints, unit tests and layout. Needs Rust with a linker and nothing else:
# no broker, no browser, no display, no Node. It installs nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/checks.sh

check_format
check_lints
headline "Unit tests and layout"
cargo unit
headline "All is well"
