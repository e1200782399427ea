"""The exception of this room; those who use it turn it into their own."""


class EnvironmentFailure(Exception):
    """Packages cannot be read, chosen or installed; the message has cause and next step."""
