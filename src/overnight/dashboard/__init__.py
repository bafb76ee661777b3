"""The session in a browser: what it does now, what was tried, and a person's say in it."""
