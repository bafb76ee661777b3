"""A port on this machine, for what is served to it alone."""

from __future__ import annotations

import socket

from overnight.errors import OvernightError

HERE = "127.0.0.1"


def bound(what: str, port: int | None, usual: int) -> socket.socket:
    """A socket that listens on `port`, or without one on the usual one or any that is free.

    Raises OvernightError, which says that `what` cannot have it.
    """
    for wanted in [port] if port is not None else [usual, 0]:
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HERE, wanted))
            listening.listen()  # From now on whoever comes is answered, if only in a moment.
        except (OSError, OverflowError) as error:
            listening.close()
            why = getattr(error, "strerror", None) or str(error)
            continue
        return listening
    raise OvernightError(f"{what} cannot have port {port or usual} ({why}); choose another with --port")
