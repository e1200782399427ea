"""The exception of an export, which leaves nothing half-written behind."""


class ExportError(Exception):
    """A version cannot be exported, or an export verified; the message has cause and next step."""
