#!/usr/bin/env bash
# The checks before a commit: the quick ones, then the tests.
source "$(dirname "$0")/common.sh"
for script in fmt paths guides layers words clippy docs test; do
    "scripts/$script.sh"
done
