# shellcheck shell=bash
# For the other scripts: installs missing packages of Debian or Ubuntu without asking.

# Libraries that the monitor's window loads when it opens.
# shellcheck disable=SC2034
readonly WINDOW_LIBRARIES=(
    libgl1 libgl1-mesa-dri libegl1 libx11-xcb1 libxcursor1 libxi6 libxkbcommon0 libxkbcommon-x11-0
    libxrandr2 libwayland-client0 libwayland-egl1
)

# install_missing [COMMAND=]PACKAGE...
#
# A package is missing if dpkg does not list it as installed. Where a COMMAND is named, the package
# is missing only if there is no such command, because the command may come from elsewhere.
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
        fail "Missing the Debian packages ${missing[*]}, and there is no apt-get: install them yourself."
    fi
    echo "Installing ${missing[*]}"
    if ! as_root apt-get update --quiet=2 ||
        ! as_root apt-get install --quiet=2 --yes --no-install-recommends "${missing[@]}"; then
        fail "apt-get failed. Install the packages yourself: sudo apt-get install ${missing[*]}"
    fi
}

is_installed() {
    [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# Runs a command as root. sudo must not ask for a password, because the script may run unattended.
as_root() {
    if ((EUID == 0)); then
        DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo --non-interactive DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

# Exits unless Rust is installed and new enough.
need_rust() {
    local needed found
    needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    # rustup extends the PATH of new shells only.
    PATH+=:${CARGO_HOME:-$HOME/.cargo}/bin
    found=$(cargo --version 2>/dev/null | cut -d ' ' -f 2) ||
        fail "No Rust found. Install Rust $needed or newer: https://rustup.rs."
    if [[ $(printf '%s\n' "$needed" "$found" | sort --version-sort | head -n 1) != "$needed" ]]; then
        fail "Rust $found is too old. Update to $needed or newer: rustup update stable."
    fi
}

# Prints an error and exits.
fail() {
    echo "$*" >&2
    exit 1
}
