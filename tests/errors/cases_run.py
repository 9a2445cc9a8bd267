"""rung run."""

TITLE = "rung run"
CASES = []
