"""The report: the session told once (`story.py`), and written as a page and as Markdown."""
