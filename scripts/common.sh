# Sourced by the other scripts: a strict shell, the repository's root, one target directory.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p "${CARGO_TARGET_DIR:-target}"
CARGO_TARGET_DIR="$(cd "${CARGO_TARGET_DIR:-target}" && pwd)"
export CARGO_TARGET_DIR

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Prints a command and runs it.
run() {
    printf '+ %s\n' "$*"
    "$@"
}

# Whether the feature `josekit` can be built here. In CI it must be.
has_openssl_headers() {
    pkg-config --exists openssl 2>/dev/null && return
    [ "${KEYFERRY_REQUIRE_PEERS:-}" != 1 ] || fail "OpenSSL's headers and pkg-config are required: install libssl-dev and pkg-config"
    printf 'skipped: the feature josekit needs the OpenSSL headers and pkg-config\n'
    return 1
}

# Installs a cargo program into the target directory, once, and puts it on the path.
tool() {
    local name=$1 version=$2 root="$CARGO_TARGET_DIR/tools"
    export PATH="$root/bin:$PATH"
    grep -qsF "\"$name $version " "$root/.crates.toml" || run cargo install --quiet --locked --debug --root "$root" --version "$version" "$name"
}
