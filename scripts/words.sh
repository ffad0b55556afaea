#!/usr/bin/env bash
# Words and phrases that make a sentence hard to read occur nowhere. Arguments name files and
# folders to search; the default is everything that a reader sees. A phrase is found across line
# ends too.
source "$(dirname "$0")/common.sh"
[ $# -gt 0 ] || set -- '*.md' Cargo.toml .ci benches docs examples fuzz scripts src tests

git ls-files -z -- "$@" ':!scripts/words.sh' ':!*.json' ':!*.lock' ':!**/fixtures/**' ':!**/seeds/**' |
    "${KEYFERRY_PYTHON:-python3}" -c '
import re, sys

# Sentences that were written once, and what is wrong with their kind: no subject, or an aphorism.
phrases = r"""
A key that shares its private half
A wire knows no caller
Features only add
Forgets what need not be kept
Nobody who writes a command chooses
Nothing that may have arrived is sent again
Of a mailbox that is unknown too
Of two that are there, it is
One that cannot be read stands for the first
Our own fault is none of
Succeeds again
The guard leaves out
The share was
There is no other way to one
To a device only what has
What changes something runs to its end
What is refused names the class
What may have arrived is not sent again
What others show
Where tenants do not trust
Who asks for more time than there is
beside which `hub.run()` is spawned
is one that can be gone on from
its last word, unless
the key store did not do it
the one to use if nothing speaks against it
trust each other.s manners
until they are retained no longer
unless twice is the same as once
when what is under way is done
"""

# Words with a plain one in their place.
words = {
    r"octets?": "byte",
    r"anew": "again",
    r"thereof": "of it",
    r"whoever": "a noun",
    r"of one[’\x27]s own": "your own, or: separate",
    r"(?:bring|brings|brought|bringing) about": "cause",
    r"goes on": "continues",
    r"house rules|rules of the house": "rules",
}

# OCTET STRING and octet-stream are names in standards, `octets()` is a method of the standard
# library.
allowed = re.compile(r"OCTET|octet-stream|octet string|\.octets\(\)")
patterns = [(re.compile(line.replace(" ", r"\s+")), "write a complete sentence") for line in phrases.split("\n") if line]
patterns += [(re.compile(r"(?<![\w-])(?:" + word.replace(" ", r"\s+") + r")(?![\w-])", re.IGNORECASE), f"say: {plain}") for word, plain in words.items()]

hits = 0
for name in sys.stdin.read().split("\0"):
    if not name:
        continue
    try:
        with open(name, encoding="utf-8") as file:
            text = file.read()
    except (UnicodeDecodeError, FileNotFoundError):
        continue
    # Marks of comments become blanks, so that a phrase may be wrapped; every place stays the same.
    plain = re.sub(r"(?m)^(\s*)(//[/!]?|#+|\*)", lambda found: " " * len(found.group()), text)
    plain = allowed.sub(lambda found: " " * len(found.group()), plain)
    for pattern, advice in patterns:
        for found in pattern.finditer(plain):
            line = text.count("\n", 0, found.start()) + 1
            phrase = " ".join(found.group().split())
            print(f"{name}:{line}: {phrase!r}: {advice}")
            hits += 1
print(f"{hits} places")
sys.exit(hits > 0)
' || fail "these places are hard to read; CONTRIBUTING.md says how they should read"
