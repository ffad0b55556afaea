#!/usr/bin/env bash
# What a developer runs before a commit: the checks that are quick, then the tests.
source "$(dirname "$0")/common.sh"
for script in fmt paths clippy docs test; do
    "scripts/$script.sh"
done
