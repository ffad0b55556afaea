#!/usr/bin/env bash
# The tests, with the command that README names.
source "$(dirname "$0")/common.sh"
command='cargo test --features full'
grep -qF "$command" README.md || fail "README.md does not name \`$command\`"
run $command
