#!/usr/bin/env bash
# What would be published: what it must hold, what it must not, its size, and that it builds and passes its doctests on its own.
source "$(dirname "$0")/common.sh"
# Three quarters of it is the library's source: 235 KiB of code, 135 KiB of its documentation. The
# examples are in it because they are published nowhere else.
most=$((496 * 1024))
list=$(cargo package --locked --allow-dirty --list)
for file in README.md SECURITY.md LICENSE-MIT LICENSE-APACHE CHANGELOG.md Cargo.lock src/lib.rs examples/hub.toml; do
    grep -qxF "$file" <<<"$list" || fail "the package lacks $file"
done
if grep -E '^(\.ci|fuzz|target|benches|scripts|tests/.*\.rs|tests/no_tls)(/|$)' <<<"$list"; then
    fail "the package holds what it should not"
fi
# What a doctest includes has to be named in Cargo.toml.
for file in $(grep -rhoE 'tests/fixtures/[A-Za-z0-9_./-]+' src README.md | sort -u); do
    grep -qxF "$file" <<<"$list" || fail "the package lacks $file"
done
# README is shown where a relative link leads nowhere.
if grep -nE '\]\((\./|\.\./)?[A-Za-z0-9_./-]+\)' README.md; then
    fail "README.md has relative links"
fi
run cargo package --locked --allow-dirty --no-verify
version=$(sed -n '/^\[package\]/,/^\[features\]/s/^version = "\(.*\)"/\1/p' Cargo.toml)
crate="$CARGO_TARGET_DIR/package/keyferry-$version.crate"
size=$(wc -c <"$crate")
printf '%d bytes of at most %d\n' "$size" "$most"
[ "$size" -le "$most" ] || fail "the package is larger than 496 KiB"

# A build of the package alone finds a file that is included and was left out.
folder="$CARGO_TARGET_DIR/package-check"
rm -rf "$folder"
mkdir -p "$folder"
tar -xzf "$crate" -C "$folder"
cd "$folder/keyferry-$version"
run cargo check --locked --features full --examples
run cargo test --locked --features full --doc
