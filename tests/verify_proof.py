#!/usr/bin/env python3
"""Checks what `clawback proof` and `clawback checkpoint --check` write, with Python's standard library alone.

    verify_proof.py VKEY PROOF.json            every event of the file is in the log that the checkpoint signs
    verify_proof.py VKEY OLD.txt BODY.txt      the log of BODY.txt continues the one of the checkpoint OLD.txt

VKEY is what `clawback key show` prints, obtained from the site separately from the files.
"""

import base64
import hashlib
import json
import struct
import sys

# Ed25519, RFC 8032, section 6, reduced to what a verifier needs.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


class Refused(Exception):
    """Why a file proves nothing."""


def need(holds, said):
    if not holds:
        raise Refused(said)


def recover_x(y, sign):
    need(y < P, "a point of the signature is out of range")
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    need((x * x - x2) % P == 0 and (x or not sign), "a point of the signature is not on the curve")
    return P - x if x & 1 != sign else x


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def multiply(number, point):
    product = (0, 1, 1, 0)
    while number:
        if number & 1:
            product = add(product, point)
        point, number = add(point, point), number >> 1
    return product


def decompress(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    x = recover_x(y, sign)
    return (x, y, 1, x * y % P)


def is_signed(public, message, signature):
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or s >= L:
        return False
    y = 4 * pow(5, P - 2, P) % P
    base = (recover_x(y, 0), y, 1, recover_x(y, 0) * y % P)
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    left, right = multiply(s, base), add(decompress(signature[:32]), multiply(h, decompress(public)))
    return all((left[axis] * right[2] - right[axis] * left[2]) % P == 0 for axis in (0, 1))


# Notes and checkpoints: c2sp.org/signed-note, c2sp.org/tlog-checkpoint.
def unbase64(text):
    data = base64.b64decode(text, validate=True)
    need(base64.b64encode(data).decode() == text, "base64 is not canonical")
    return data


def read_key(vkey):
    name, key_id, key = vkey.split("+", 2)
    key, key_id = unbase64(key), bytes.fromhex(key_id)
    need(len(key) == 33 and key[0] == 1, "the key is not an Ed25519 key")
    need(hashlib.sha256(name.encode() + b"\n" + key).digest()[:4] == key_id, "the key's hash does not fit")
    return name, key_id, key[1:]


def open_checkpoint(note, vkey):
    name, key_id, public = read_key(vkey)
    text, signatures = note.rsplit("\n\n", 1)
    text, good = text + "\n", 0
    need(signatures.endswith("\n"), "the checkpoint is cut off")
    for line in signatures[:-1].split("\n"):
        dash, signer, signature = line.split(" ")
        signature = unbase64(signature)
        need(dash == "\u2014", "a line of signature does not begin with a dash")
        if signer == name and signature[:4] == key_id:
            need(is_signed(public, text.encode(), signature[4:]), "the signature is not good")
            good += 1
    need(good, "the checkpoint is not signed by the key")
    origin, size, root, *_ = text.split("\n")
    need(origin == name and str(int(size)) == size and int(size) >= 0, "the checkpoint is not of this log")
    return int(size), unbase64(root)


# The tree: RFC 9162, section 2.1.
def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def included(leaf, index, size, proof, root):
    need(0 <= index < size, "the event is not below the size of the checkpoint")
    place, last, found = index, size - 1, leaf
    for step in proof:
        need(last > 0, "the proof is too long")
        if place & 1 or place == last:
            found = node(step, found)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            found = node(found, step)
        place, last = place >> 1, last >> 1
    need(last == 0 and found == root, "the proof does not lead to the root of the checkpoint")


def continued(old_size, old_root, size, root, proof):
    need(old_size <= size, "the log has become shorter")
    if old_size in (0, size):
        return need(not proof and (old_size == 0 or old_root == root), "the log is another one")
    steps = ([old_root] if old_size & (old_size - 1) == 0 else []) + proof
    need(steps, "the proof is empty")
    place, last = old_size - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = steps[0]
    for step in steps[1:]:
        need(last > 0, "the proof is too long")
        if place & 1 or place == last:
            before, after = node(step, before), node(step, after)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            after = node(after, step)
        place, last = place >> 1, last >> 1
    need(last == 0 and before == old_root and after == root, "the log was rewritten")


# The events.
def link_hash(event):
    data = b"clawback event 1" + bytes.fromhex(event["previous"]) + struct.pack(">qq", event["seq"], event["at"])
    for name in ("remediation", "actor", "kind", "body"):
        text = event[name].encode()
        data += struct.pack(">Q", len(text)) + text
    return hashlib.sha256(data).digest()


def check_proof(vkey, path):
    with open(path, encoding="utf-8") as file:
        proof = json.load(file)
    need(set(proof) == {"format", "remediation", "events", "checkpoint", "key"}, "the file has other fields")
    need(proof["format"] == "clawback-proof/1" and proof["key"] == vkey, "the file is of another format or key")
    size, root = open_checkpoint(proof["checkpoint"], vkey)
    before = 0
    for event in proof["events"]:
        need(event["remediation"] == proof["remediation"], "an event is of another remediation")
        need(before < event["seq"], "the events are not in order")
        need(event["previous"] == event["previous"].lower(), "a hash is not in lower case")
        need(json.loads(event["body"])["event"] == event["kind"], "an event is not of its kind")
        leaf = hashlib.sha256(b"\x00" + link_hash(event)).digest()
        included(leaf, event["seq"] - 1, size, [unbase64(step) for step in event["proof"]], root)
        before = event["seq"]
    need(proof["events"] and proof["events"][0]["kind"] == "submitted", "the first event is not the submission")
    print(f"ok: {len(proof['events'])} events of {proof['remediation']}, in a log of {size}")


def check_continued(vkey, old, body):
    with open(old, encoding="utf-8") as file:
        old_size, old_root = open_checkpoint(file.read(), vkey)
    with open(body, encoding="utf-8") as file:
        head, note = file.read().split("\n\n", 1)
    first, *proof = head.split("\n")
    need(first == f"old {old_size}", "the body continues another checkpoint")
    size, root = open_checkpoint(note, vkey)
    continued(old_size, old_root, size, root, [unbase64(step) for step in proof])
    print(f"ok: {size} events continue {old_size}")


def main(arguments):
    try:
        {2: check_proof, 3: check_continued}[len(arguments)](*arguments)
    except (Refused, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        sys.exit(f"refused: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
