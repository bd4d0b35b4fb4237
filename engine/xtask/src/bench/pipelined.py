"""A peer of `cargo xtask bench imap`: the fastest plain script. Eight connections, commands in three flights per mailbox."""

import asyncio
import base64
import re
import sys

host, port, users, admin, password, sender, subject, into = sys.argv[1:]
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


async def clean(user):
    reader, writer = await asyncio.open_connection(host, int(port))
    await reader.readuntil(b"\r\n")
    login = base64.b64encode(f"{user}\0{admin}\0{password}".encode()).decode()
    folders = []
    for line in (await flight(reader, writer, [f"AUTHENTICATE PLAIN {login}", 'LIST "" "*"']))[1]:
        flags, name = re.match(r'\* LIST \(([^)]*)\) "/" "?([^"]*)"?\r\n$', line).groups()
        if "\\Noselect" not in flags and name != into:
            folders.append(name)
    query = f'UID SEARCH FROM "{sender}" SUBJECT "{subject}"'
    answers = await flight(reader, writer, [word for name in folders for word in (f'SELECT "{name}"', query)])
    moves, moved = [], 0
    for name, lines in zip(folders, answers[1::2]):
        found = [word for line in lines if line.startswith("* SEARCH") for word in line.split()[2:]]
        if found:
            moves += [f'SELECT "{name}"', f"UID MOVE {','.join(found)} {into}"]
            moved += len(found)
    await flight(reader, writer, moves + ["LOGOUT"])
    writer.close()
    return moved


async def work(queue):
    moved = 0
    while queue:
        moved += await clean(queue.pop())
    return moved


async def main():
    queue = [f"u{number:04}@acme.test" for number in range(int(users), 0, -1)]
    print(sum(await asyncio.gather(*(work(queue) for _ in range(CONNECTIONS)))))


asyncio.run(main())
