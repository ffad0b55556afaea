#!/usr/bin/env bash
# Runs the first `cargo run` command in README.
source "$(dirname "$0")/common.sh"
command=$(grep -m1 -oE '^cargo run .*--features full.*$' README.md) || fail "README.md has no cargo run command with --features full"
case "$command" in *'|'* | *'>'* | *';'* | *'&'* | *'$'* | *'`'*) fail "the first cargo run command in README.md is more than one command: $command" ;; esac
read -r -a words <<<"$command"
run "${words[@]}"
