"""Which Overnight this is."""

VERSION = "0.1.0"
