"""A peer of `cargo xtask bench imap`: the fastest plain script. Eight connections, commands in three flights per mailbox.

With `two-phases` it does what a remediation must do: it searches every mailbox and leaves, then comes back to those with
hits, compares them with what was found, moves them, and reads them where they went. It keeps no history.
"""

import asyncio
import base64
import re
import sys

host, port, users, admin, password, sender, subject, into, way = sys.argv[1:]
CONNECTIONS = 8


async def flight(reader, writer, commands):
    """Sends the commands at once; returns the untagged lines before each tagged response."""
    writer.write("".join(f"a{at} {command}\r\n" for at, command in enumerate(commands)).encode())
    answers, lines = [], []
    while len(answers) < len(commands):
        line = (await reader.readuntil(b"\r\n")).decode()
        if line.startswith(f"a{len(answers)} "):
            if " OK" not in line[:8]:
                sys.exit(f"{commands[len(answers)]}: {line}")
            answers.append(lines)
            lines = []
        else:
            lines.append(line)
    return answers


async def connect(user):
    reader, writer = await asyncio.open_connection(host, int(port))
    await reader.readuntil(b"\r\n")
    login = base64.b64encode(f"{user}\0{admin}\0{password}".encode()).decode()
    return reader, writer, f"AUTHENTICATE PLAIN {login}"


async def search(reader, writer, login, opens):
    """Searches all folders of the mailbox. Returns the UIDs of the hits by folder."""
    folders = []
    for line in (await flight(reader, writer, [login, 'LIST "" "*"']))[1]:
        flags, name = re.match(r'\* LIST \(([^)]*)\) "/" "?([^"]*)"?\r\n$', line).groups()
        if "\\Noselect" not in flags and name != into:
            folders.append(name)
    query = f'UID SEARCH FROM "{sender}" SUBJECT "{subject}"'
    answers = await flight(reader, writer, [word for name in folders for word in (f'{opens} "{name}"', query)])
    hits = {}
    for name, lines in zip(folders, answers[1::2]):
        found = [word for line in lines if line.startswith("* SEARCH") for word in line.split()[2:]]
        if found:
            hits[name] = found
    return hits


def each(hits, opens, command):
    """The command on the hits of each folder, whose UIDs are its `%s`."""
    return [word for name, found in hits.items() for word in (f'{opens} "{name}"', command % ",".join(found))]


async def clean(user):
    reader, writer, login = await connect(user)
    hits = await search(reader, writer, login, "SELECT")
    await flight(reader, writer, each(hits, "SELECT", f"UID MOVE %s {into}") + ["LOGOUT"])
    writer.close()
    return sum(map(len, hits.values()))


def identities(lines):
    """The Message-IDs of an answer to FETCH."""
    return sorted(line.split(":", 1)[1].strip() for line in lines if line.lower().startswith("message-id:"))


async def find(user):
    """The first phase: what there is. Returns UIDs and Message-IDs by folder."""
    reader, writer, login = await connect(user)
    hits = await search(reader, writer, login, "EXAMINE")
    looks = each(hits, "EXAMINE", "UID FETCH %s (FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER])")
    answers = await flight(reader, writer, looks + ["LOGOUT"])
    writer.close()
    return {name: (found, identities(lines)) for (name, found), lines in zip(hits.items(), answers[1::2])}


async def remove(user, plan):
    """The second phase: the same messages are moved, and read where they went."""
    reader, writer, login = await connect(user)
    await flight(reader, writer, [login])
    moved = 0
    for name, (found, known) in plan.items():
        uids, field = ",".join(found), "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])"
        answers = await flight(reader, writer, [f'SELECT "{name}"', f"UID FETCH {uids} {field}"])
        if identities(answers[1]) != known:
            sys.exit(f"{user}: other messages are in {name}")
        # Alone: Dovecot may answer a later command first.
        answers = await flight(reader, writer, [f"UID MOVE {uids} {into}"])
        copied = next(re.search(r"COPYUID \d+ \S+ (\S+)\]", line) for line in answers[0] if "COPYUID" in line).group(1)
        looks = [f"UID SEARCH UID {uids}", f'EXAMINE "{into}"', f"UID FETCH {copied} {field}"]
        answers = await flight(reader, writer, looks)
        if any(line.split()[2:] for line in answers[0] if line.startswith("* SEARCH")):
            sys.exit(f"{user}: messages are left in {name}")
        if identities(answers[2]) != known:
            sys.exit(f"{user}: other messages came to {into}")
        moved += len(found)
    await flight(reader, writer, ["LOGOUT"])
    writer.close()
    return moved


async def work(queue, task):
    done = []
    while queue:
        item = queue.pop()
        done.append((item, await task(*item)))
    return done


async def everywhere(queue, task):
    return [one for some in await asyncio.gather(*(work(queue, task) for _ in range(CONNECTIONS))) for one in some]


async def main():
    queue = [(f"u{number:04}@acme.test",) for number in range(int(users), 0, -1)]
    if way == "two-phases":
        found = await everywhere(queue, find)
        moved = await everywhere([(user, plan) for (user,), plan in found if plan], remove)
    else:
        moved = await everywhere(queue, clean)
    print(sum(count for _, count in moved))


asyncio.run(main())
