"""The MCP server: an assistant proposes and asks, while the harness measures, judges and remembers."""
