# Read by the scripts beside it: finds Python, makes an environment, installs into it what a lock file pins.
# shellcheck shell=sh

say() { printf '%s\n' "$*"; }
fail() { printf 'Error: %s\n' "$*" >&2; exit 1; }

# Print the first Python that is new enough.
find_python() {
    for candidate in ${PYTHON:-} python3.13 python3.12 python3.11 python3; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "no Python 3.11 or newer was found; install it (Debian: apt-get install python3 python3-venv), or name it: PYTHON=/path/to/python3 $0"
}

# Print what the content of an environment depends on: this Python, the lock file, the package's metadata.
stamp_of() {
    { "$1" -c 'import sys; print(sys.version, sys.prefix)'; cat "$2" pyproject.toml scripts/setup.sh; } | cksum
}

# make_environment PYTHON FOLDER
make_environment() {
    say "Making the environment $2 with $1 (once; a second run is quick) ..."
    rm -rf "$2"
    if ! output=$("$1" -m venv "$2" 2>&1); then
        rm -rf "$2"
        printf '%s\n' "$output" >&2
        fail "$1 cannot make a virtual environment; install its module venv (Debian: apt-get install python3-venv) and start again"
    fi
}

# prepare FOLDER LOCK: make the environment FOLDER with what LOCK pins and with tornadopy itself, unless it is there.
prepare() {
    folder=$1
    lock=$2
    python=$(find_python) || exit 1
    stamp="$(pwd) $(stamp_of "$python" "$lock")"
    if [ -x "$folder/bin/python" ] && [ "$(cat "$folder/.stamp" 2>/dev/null)" = "$stamp" ]; then
        return
    fi
    if ! "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
        make_environment "$python" "$folder"
    fi
    say "Installing what $lock pins ..."
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock" ||
        fail "the packages of $lock could not be installed, see the lines above; is the package index reachable? Then start again"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e . ||
        fail "tornadopy could not be installed into $folder, see the lines above"
    printf '%s\n' "$stamp" >"$folder/.stamp"
}
