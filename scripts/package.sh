#!/usr/bin/env bash
# What would be published: what it must hold, what it must not, and that cargo takes it.
source "$(dirname "$0")/common.sh"
list=$(cargo package --locked --allow-dirty --list)
for file in README.md LICENSE-MIT LICENSE-APACHE CHANGELOG.md Cargo.lock src/lib.rs; do
    grep -qxF "$file" <<<"$list" || fail "the package lacks $file"
done
if grep -E '^(\.ci|fuzz|target|tests/no_tls)/' <<<"$list"; then
    fail "the package holds what it should not"
fi
run cargo package --locked --allow-dirty --no-verify
