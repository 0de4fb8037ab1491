# shellcheck shell=bash
# For the other scripts: installs Debian and Ubuntu packages that are missing, without asking.

# install_missing [COMMAND=]PACKAGE...
#
# A package is missing if dpkg does not know it as installed or, where a command is named, if there
# is no such command: that may also come from elsewhere.
install_missing() {
    local entry missing=()
    for entry in "$@"; do
        if [[ $entry == *=* ]]; then
            command -v "${entry%%=*}" >/dev/null || missing+=("${entry#*=}")
        else
            is_installed "$entry" || missing+=("$entry")
        fi
    done
    if ((${#missing[@]} == 0)); then
        return
    fi

    if ! command -v apt-get >/dev/null; then
        fail "This needs what Debian calls ${missing[*]}, and there is no apt-get to install it."
    fi
    echo "Installing ${missing[*]}"
    if ! as_root apt-get update --quiet=2 ||
        ! as_root apt-get install --quiet=2 --yes --no-install-recommends "${missing[@]}"; then
        fail "Please install what is missing: sudo apt-get install ${missing[*]}"
    fi
}

is_installed() {
    [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# Runs a command as root. sudo may not ask for a password: nobody may be there to type it.
as_root() {
    if ((EUID == 0)); then
        DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo --non-interactive DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

# Ends the script unless there is a Rust that is new enough.
need_rust() {
    local needed found
    needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    # What rustup installs is in the PATH of new shells only.
    PATH+=:${CARGO_HOME:-$HOME/.cargo}/bin
    found=$(cargo --version 2>/dev/null | cut -d ' ' -f 2) ||
        fail "This needs Rust $needed or newer, see https://rustup.rs."
    if [[ $(printf '%s\n' "$needed" "$found" | sort --version-sort | head -n 1) != "$needed" ]]; then
        fail "This needs Rust $needed or newer, and cargo is $found: rustup update stable."
    fi
}

fail() {
    echo "$*" >&2
    exit 1
}
