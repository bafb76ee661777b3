"""Models by API: which there are, how one is asked, how its answer is read, and what is said where it fails."""
