#!/usr/bin/env bash
# No tracked file contains a path of one machine.
source "$(dirname "$0")/common.sh"
if git grep -nIE '(^|[^[:alnum:]_.~}-])/(home|root|Users|work|tmp)/[[:alnum:]._-]|[A-Z]:\\Users\\' -- . ':!scripts/paths.sh'; then
    fail "these lines contain a path of one machine"
fi
printf 'no tracked file contains a path of one machine\n'
