"""The error of a batch run."""


class BatchError(Exception):
    """A run cannot begin or go on; the message names the file or column, and the next step."""
