# shellcheck shell=bash
# For check.sh and test.sh: the steps that both begin with.

headline() {
    printf '\n=== %s (after %d s)\n' "$1" "$SECONDS"
}

check_format() {
    headline "Formatting"
    # Where rustup did not bring them along.
    for component in fmt clippy; do
        cargo "$component" --version >/dev/null 2>&1 ||
            rustup component add "${component/#fmt/rustfmt}"
    done
    cargo format
}

check_lints() {
    headline "Lints"
    cargo lint
}
