# Recipes for https://just.systems. Everything here also works without it.

# Format, lints, unit tests and layout: needs nothing but Rust.
check:
    scripts/check.sh

# Everything, with a broker, a browser and a virtual display, which it installs.
test:
    scripts/test.sh

# Formats all sources.
format:
    cargo fmt --all

# Opens the documentation of our packages.
doc:
    cargo doc --locked --workspace --no-deps --open

# Prints sizes of files and every broken rule of the layout.
figures:
    cargo figures

# Starts the server with simulated data, and the monitor.
demo *options:
    scripts/demo.sh {{options}}

# Changes the code in small ways, and shows which changes no test notices: core, or checks.
mutants what *options:
    scripts/mutants.sh {{what}} {{options}}
