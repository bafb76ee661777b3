"""A pretend post office for the demo: just enough of SMTP and of IMAP for one mailbox, here. Nothing leaves it.

What is sent to OWNER can be read through IMAP; what is sent to anybody else is put into a folder, where people.py finds
it. It prints both its ports in one line and runs until it is ended. For real mail, use a real mail server.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import uuid
from pathlib import Path

LARGEST = 1_000_000


class PostOffice:
    """All mail there is."""

    def __init__(self, owner: str, people: Path) -> None:
        self._owner, self._people = owner, people
        self._people.mkdir(parents=True, exist_ok=True)
        self._mailbox: list[bytes] = []

    def deliver(self, recipient: str, content: bytes) -> None:
        """Put a mail where it belongs."""
        if recipient.lower() == self._owner:
            self._mailbox.append(content)
        else:
            name = uuid.uuid4().hex
            (self._people / f"{name}.part").write_bytes(b"Delivered-To: " + recipient.encode() + b"\r\n" + content)
            (self._people / f"{name}.part").rename(self._people / f"{name}.eml")

    async def smtp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One sender."""
        recipients: list[str] = []
        writer.write(b"220 post.office ESMTP\r\n")
        while line := await reader.readline():
            command = line.decode("utf-8", "replace").strip()
            verb = command[:4].upper()
            if verb == "RCPT" and (match := re.search(r"<([^<>\s]+@[^<>\s]+)>", command)):
                recipients.append(match[1])
                writer.write(b"250 yes\r\n")
            elif verb == "DATA" and recipients:
                writer.write(b"354 go on\r\n")
                await writer.drain()
                content = await _until_dot(reader)
                for recipient in recipients:
                    self.deliver(recipient, content)
                recipients = []
                writer.write(b"250 it is on its way\r\n")
            elif verb in {"EHLO", "HELO", "MAIL", "RSET", "NOOP"}:
                recipients = [] if verb in {"MAIL", "RSET"} else recipients
                writer.write(b"250 yes\r\n")
            elif verb == "QUIT":
                writer.write(b"221 goodbye\r\n")
                break
            else:
                writer.write(b"500 that is unknown here\r\n")
            await writer.drain()
        writer.close()

    async def imap(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One reader."""
        writer.write(b"* OK IMAP4rev1 ready\r\n")
        while line := await reader.readline():
            tag, _, command = line.decode("utf-8", "replace").strip().partition(" ")
            words = command.upper().split()
            if words[:1] == ["CAPABILITY"]:
                writer.write(b"* CAPABILITY IMAP4rev1\r\n")
            elif words[:1] == ["EXAMINE"]:
                writer.write(b"* %d EXISTS\r\n* OK [UIDVALIDITY 1] valid\r\n" % len(self._mailbox))
            elif words[:2] == ["UID", "SEARCH"] and (match := re.search(r"UID (\d+):\*", command)):
                found = " ".join(str(uid) for uid in range(int(match[1]), len(self._mailbox) + 1))
                writer.write(f"* SEARCH {found}".rstrip().encode() + b"\r\n")
            elif words[:2] == ["UID", "FETCH"]:
                for uid in map(int, words[2].split(",")):
                    content = self._mailbox[uid - 1]
                    writer.write(
                        b"* %d FETCH (UID %d BODY[]<0> {%d}\r\n" % (uid, uid, len(content)) + content + b")\r\n"
                    )
            elif words[:1] == ["LOGOUT"]:
                writer.write(b"* BYE goodbye\r\n")
            elif words[:1] not in (["LOGIN"], ["NOOP"]):
                writer.write(tag.encode() + b" BAD that is unknown here\r\n")
                continue
            writer.write(tag.encode() + b" OK done\r\n")
            await writer.drain()
        writer.close()


async def _until_dot(reader: asyncio.StreamReader) -> bytes:
    lines: list[bytes] = []
    while (line := await reader.readline()) not in {b".\r\n", b""}:
        lines.append(line[1:] if line.startswith(b".") else line)
    return b"".join(lines)


async def serve(owner: str, people: Path) -> None:
    """Until it is ended."""
    office = PostOffice(owner.lower(), people)
    smtp = await asyncio.start_server(office.smtp, "127.0.0.1", 0, limit=LARGEST)
    imap = await asyncio.start_server(office.imap, "127.0.0.1", 0, limit=LARGEST)
    print(f"smtp {smtp.sockets[0].getsockname()[1]} imap {imap.sockets[0].getsockname()[1]}", flush=True)
    async with smtp, imap:
        await asyncio.gather(smtp.serve_forever(), imap.serve_forever())


def main() -> None:
    parser = argparse.ArgumentParser(description="A pretend post office.")
    parser.add_argument("owner", help="whose mailbox it keeps")
    parser.add_argument("people", type=Path, help="the folder for everybody else's mail")
    options = parser.parse_args()
    asyncio.run(serve(options.owner, options.people))


if __name__ == "__main__":
    main()
