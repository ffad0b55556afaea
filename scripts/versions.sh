# Sourced: the versions of the programs that the scripts install.
# shellcheck shell=bash disable=SC2034
CARGO_HACK=0.6.46
CARGO_DENY=0.20.2
CARGO_FUZZ=0.13.2
CARGO_PUBLIC_API=0.52.0
