"""What ends a session from outside, and what does not."""

from __future__ import annotations

import os
import signal

import pytest

from overnight.cli.run import Flag, stopped_by_signals


@pytest.mark.parametrize(
    ("before", "is_asked"), [(signal.SIG_DFL, True), (signal.SIG_IGN, False)], ids=["terminal", "nohup"]
)
def test_a_closed_terminal_ends_it_unless_nohup_said_no(before: signal.Handlers, is_asked: bool) -> None:
    stop = Flag()
    outside = signal.signal(signal.SIGHUP, before)
    try:
        with stopped_by_signals(stop.set):
            os.kill(os.getpid(), signal.SIGHUP)
            assert stop.is_set() is is_asked
        assert signal.getsignal(signal.SIGHUP) is before
    finally:
        signal.signal(signal.SIGHUP, outside)
