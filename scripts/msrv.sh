#!/usr/bin/env bash
# The lowest Rust version: no dependency states a higher `rust-version` than Cargo.toml. Clippy's
# `incompatible_msrv` (scripts/clippy.sh) checks the code itself against the same line. Neither
# needs the old compiler.
source "$(dirname "$0")/common.sh"

check() {
    cargo metadata --locked --format-version 1 --all-features --manifest-path "$1" | "${KEYFERRY_PYTHON:-python3}" -c '
import json, sys

def number(text):
    parts = [int(part) for part in text.split(".")]
    return parts + [0] * (3 - len(parts))

packages = json.load(sys.stdin)["packages"]
(lowest,) = [package["rust_version"] for package in packages if package["name"] == "keyferry"]
above = [
    "{name} {version} states rust-version {rust_version}".format(**package)
    for package in packages
    if package["rust_version"] and number(package["rust_version"]) > number(lowest)
]
print(f"{len(packages)} packages, the lowest Rust version is {lowest}")
sys.exit("\n".join(above) or None)
'
}
check Cargo.toml || fail "the dependencies above need a newer Rust than Cargo.toml states"
check tests/no_tls/Cargo.toml || fail "the dependencies above need a newer Rust than Cargo.toml states"
