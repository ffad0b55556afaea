#!/usr/bin/env bash
# No tracked file names a place of somebody's machine.
source "$(dirname "$0")/common.sh"
if git grep -nIE '(^|[^[:alnum:]_.~}-])/(home|root|Users|work|tmp)/[[:alnum:]._-]|[A-Z]:\\Users\\' -- . ':!scripts/paths.sh'; then
    fail "these lines name a place of one machine"
fi
printf 'no tracked file names a place of one machine\n'
