#!/usr/bin/env python3
"""Computes the digest of a plan from the text that `clawback export --plan` writes, with Python's standard library alone.

    plan_digest.py FILE              prints the digest, which is the one that approvers voted on
    plan_digest.py FILE DIGEST       fails unless it is this one
"""

import hashlib
import json
import sys

LINES_OF_A_PART = 64


def digest(path):
    hash_of_parts, part, lines = hashlib.sha256(), hashlib.sha256(), -2
    with open(path, "rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                raise ValueError("the last line is cut off")
            if lines < 0:
                if lines == -2 and line != b"clawback plan 2\n":
                    raise ValueError("this is no plan of version 2")
                if lines == -1:
                    json.loads(line)
                hash_of_parts.update(line)
            else:
                if json.loads(line)["seq"] != lines:
                    raise ValueError(f"message {lines} is not in its place")
                part.update(line)
                if lines % LINES_OF_A_PART == LINES_OF_A_PART - 1:
                    hash_of_parts.update(part.hexdigest().encode() + b"\n")
                    part = hashlib.sha256()
            lines += 1
    if lines < 0:
        raise ValueError("the header is missing")
    if lines % LINES_OF_A_PART:
        hash_of_parts.update(part.hexdigest().encode() + b"\n")
    hash_of_parts.update(b"%d\n" % lines)
    return hash_of_parts.hexdigest()


def main(file, wanted=None):
    try:
        found = digest(file)
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"refused: {error}")
    if wanted not in (None, found):
        sys.exit(f"refused: the plan hashes to {found}")
    print(found)


if __name__ == "__main__":
    main(*sys.argv[1:])
