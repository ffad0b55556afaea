#!/usr/bin/env bash
# The package that would be published: its files, its size, and that it builds and passes its
# doctests alone.
source "$(dirname "$0")/common.sh"
# Three quarters of the package are the library's source: 235 KiB of code, 135 KiB of its
# documentation. The examples and guides are included because they are published nowhere else.
max=$((512 * 1024))
list=$(cargo package --locked --allow-dirty --list)
for file in README.md SECURITY.md LICENSE-MIT LICENSE-APACHE CHANGELOG.md Cargo.lock src/lib.rs examples/hub.toml; do
    grep -qxF "$file" <<<"$list" || fail "the package lacks $file"
done
if grep -E '^(\.ci|fuzz|target|benches|scripts|tests/.*\.rs|tests/no_tls)(/|$)' <<<"$list"; then
    fail "the package contains these files and should not"
fi
# Every file that a doctest includes must be in the package.
for file in $(grep -rhoE 'tests/fixtures/[A-Za-z0-9_./-]+' src README.md | sort -u); do
    grep -qxF "$file" <<<"$list" || fail "the package lacks $file"
done
# README is also shown on sites where relative links do not work.
if grep -nE '\]\((\./|\.\./)?[A-Za-z0-9_./-]+\)' README.md; then
    fail "README.md has relative links"
fi
run cargo package --locked --allow-dirty --no-verify
version=$(sed -n '/^\[package\]/,/^\[features\]/s/^version = "\(.*\)"/\1/p' Cargo.toml)
crate="$CARGO_TARGET_DIR/package/keyferry-$version.crate"
size=$(wc -c <"$crate")
printf '%d bytes of at most %d\n' "$size" "$max"
[ "$size" -le "$max" ] || fail "the package is larger than 512 KiB"

# A build of the package alone finds missing files.
folder="$CARGO_TARGET_DIR/package-check"
rm -rf "$folder"
mkdir -p "$folder"
tar -xzf "$crate" -C "$folder"
cd "$folder/keyferry-$version"
run cargo check --locked --features full --examples
run cargo test --locked --features full --doc
