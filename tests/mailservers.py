"""Real mail servers for the tests, started by them: Postfix, which delivers, and Dovecot, which serves the mailbox.

Both run from folders of their own, on this machine only, and end with the tests. Postfix knows two places: the mailbox
of OWNER, and a folder for everybody else at *.example. Addresses that begin with "gone." do not exist: it accepts
them, and sends back what a mail server sends then.
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

OWNER = "ada@rowbook.example"
PASSWORD = "pretend"
SECONDS = 30

_DOVECOT = """
base_dir = {run}
state_dir = {run}
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
mail_location = maildir:{mailbox}
first_valid_uid = 1
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""

# Without chroot, with as few services as deliver a mail or send it back.
_POSTFIX = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
mail_owner = postfix
setgid_group = postdrop
maillog_file_prefixes = {folder}
maillog_file = {folder}/log
myhostname = mail.test.example
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
local_recipient_maps =
alias_maps =
mynetworks = 127.0.0.0/8
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_reject_unlisted_recipient = no
virtual_mailbox_domains = regexp:{folder}/conf/domains
virtual_mailbox_maps = regexp:{folder}/conf/boxes
virtual_mailbox_base = {folder}/mail
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
"""
_SERVICES = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True)
class MailServers:
    """Where they listen, and where the mail lies."""

    smtp: int
    imap: int
    mailbox: Path
    """The owner's Maildir."""
    people: Path
    """Everybody else's; their letters are in `new`."""


@contextmanager
def mail_servers() -> Iterator[MailServers]:
    """Both of them, empty."""
    folder = Path(tempfile.mkdtemp(prefix="mail-"))  # A socket's path must be short.
    folder.chmod(0o755)
    boxes = folder / "mail"
    for path in (folder / "dovecot", boxes, *(boxes / "ada" / name for name in ("cur", "new", "tmp"))):
        path.mkdir(parents=True)
        _give(path)
    _give(boxes / "ada")
    try:
        with _postfix(folder / "postfix", boxes) as smtp, _dovecot(folder / "dovecot", boxes / "ada") as imap:
            yield MailServers(smtp, imap, boxes / "ada", boxes / "people")
    finally:
        subprocess.run([*_ROOT, "rm", "-rf", str(folder)], check=False)


_ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]
"""Postfix is started by root, and becomes others by itself."""
_USER = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
"""Whose the mail is, and Dovecot: it refuses to be root."""


def _give(path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, _USER.pw_uid, _USER.pw_gid)


@contextmanager
def _dovecot(folder: Path, mailbox: Path) -> Iterator[int]:
    """The port of an IMAP server for one Maildir."""
    port, config = free_port(), folder / "dovecot.conf"
    (folder / "run").mkdir()
    _give(folder / "run")
    group = grp.getgrgid(_USER.pw_gid).gr_name
    known = {"user": _USER.pw_name, "group": group, "uid": _USER.pw_uid, "gid": _USER.pw_gid}
    places = {"folder": folder, "run": folder / "run", "mailbox": mailbox, "port": port, "password": PASSWORD}
    config.write_text(_DOVECOT.format(**known, **places))
    become = ["setpriv", f"--reuid={_USER.pw_uid}", f"--regid={_USER.pw_gid}", "--clear-groups"] if not _ROOT else []
    server = subprocess.Popen([*become, _program("dovecot"), "-F", "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        _wait_until_it_answers(port, server, folder / "log")
        yield port
    finally:
        server.terminate()
        server.wait()


@contextmanager
def _postfix(folder: Path, boxes: Path) -> Iterator[int]:
    """The port of a mail server."""
    port, config = free_port(), folder / "conf"
    for path in (config, folder / "queue", folder / "data"):
        path.mkdir(parents=True)
    subprocess.run([*_ROOT, "chown", "postfix", str(folder / "data")], check=True)
    (folder / "mail").symlink_to(boxes)
    (config / "main.cf").write_text(_POSTFIX.format(folder=folder, uid=_USER.pw_uid, gid=_USER.pw_gid))
    (config / "master.cf").write_text(_SERVICES.format(port=port))
    (config / "domains").write_text("/\\.example$/ yes\n")
    (config / "boxes").write_text(f"/^{OWNER}$/ ada/\n!/^gone\\./ people/\n")
    command = [*_ROOT, _program("postfix"), "-c", str(config)]
    server = subprocess.Popen([*command, "start-fg"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_it_answers(port, server, folder / "log")
        yield port
    finally:
        subprocess.run([*command, "stop"], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        server.wait()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def wait_for(ready: Callable[[], bool], what: str) -> None:
    """Until it is so."""
    end = time.monotonic() + SECONDS
    while not ready():
        assert time.monotonic() < end, f"{what}: it never came"
        time.sleep(0.02)


def _wait_until_it_answers(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    def ready() -> bool:
        assert server.poll() is None, log.read_text() if log.exists() else "it ended without a word"
        return _answers(port)

    wait_for(ready, str(log))


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            return bool(connection.recv(10))
    except OSError:
        return False


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/local/sbin")
    if found is None:
        raise RuntimeError(f"{name} is not installed: `apt install postfix dovecot-imapd`")
    return found
