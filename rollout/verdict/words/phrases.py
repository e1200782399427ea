"""The words that reports are made of, for whoever makes them and whoever shows them."""

REQUESTS, COUNTED, CANDIDATE = "requests", "counted requests", "counted requests of the candidate"
ASKED = "requests and copies of the candidate"
PAIRS, BATCHES, LABELS, COPIES = "pairs", "batches", "labels", "copies"
"""What arrives."""

NO_DATA = "no data yet"
OFF = "not comparable: labels came for one version more than for the other"
PROVED = "proved"
NOTHING_REQUIRED = "nothing required"
NOT_REACHABLE = "not reachable at this rate"
WORSE = {"rollback": "worse: roll back", "hold": "differs: hold", "watch": "differs: shown only"}
"""What a signal that has reached its threshold says, by its action."""
NEVER = "never"
"""For a number of counts that no time brings."""
