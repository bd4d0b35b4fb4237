"""A peer of `cargo xtask bench imap`: the script that an administrator writes first. One mailbox after the other."""

import imaplib
import re
import sys

host, port, users, admin, password, sender, subject, into = sys.argv[1:]
moved = 0
for number in range(1, int(users) + 1):
    user = f"u{number:04}@acme.test"
    server = imaplib.IMAP4(host, int(port))
    server.login(f"{user}*{admin}", password)
    _, lines = server.list()
    for line in lines:
        flags, name = re.match(rb'\(([^)]*)\) "/" "?([^"]*)"?$', line).groups()
        if b"\\Noselect" in flags or name == into.encode():
            continue
        name = b'"' + name + b'"'
        server.select(name.decode())
        _, (found,) = server.uid("SEARCH", "FROM", f'"{sender}"', "SUBJECT", f'"{subject}"')
        if found:
            server.uid("MOVE", found.replace(b" ", b",").decode(), into)
            moved += len(found.split())
    server.logout()
print(moved)
