"""Why a version is not delivered. Nothing half-written is left behind."""


class DeliveryError(Exception):
    """A version cannot be delivered or verified; the message has the cause and the next step."""
