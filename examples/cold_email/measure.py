"""`measure:` of goal.md: reads the mailbox, sends what today's limit still allows, and prints the counts. Frozen."""

from __future__ import annotations

import fcntl
import os
import sys

from mailbox_reader import read_new_mail
from memory import Memory
from post import send_what_is_allowed
from settings import folder, read_mail, read_recipients


def main() -> None:
    trial = os.environ["OVERNIGHT_TRIAL"]
    mail, recipients = read_mail(), read_recipients()
    memory = Memory(folder())
    with (folder() / "lock").open("w") as lock:  # One look at a time: the limits are counted, then used.
        fcntl.flock(lock, fcntl.LOCK_EX)
        read_new_mail(mail, memory)  # First, so that whoever said stop is out of today's letters.
        out = memory.out()
        if out is not None and out.trial == trial:
            for skipped in send_what_is_allowed(mail, memory, out, recipients)[:20]:
                print(skipped, file=sys.stderr)
    for side, count in memory.counts(trial).items():
        print(f"{side}.replies: {count['replies']}/{count['delivered']}")
        for name in ("optouts", "complaints", "bounces"):
            print(f"{side}.{name}: {count[name]}")
    memory.close()


if __name__ == "__main__":
    main()
