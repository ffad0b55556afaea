#!/usr/bin/env bash
# The main job, by the first `cargo run` that README names.
source "$(dirname "$0")/common.sh"
command=$(grep -m1 -oE '^cargo run .*--features full.*$' README.md) || fail "README.md names no main job"
case "$command" in *'|'* | *'>'* | *';'* | *'&'* | *'$'* | *'`'*) fail "the main job is more than one command: $command" ;; esac
read -r -a words <<<"$command"
run "${words[@]}"
