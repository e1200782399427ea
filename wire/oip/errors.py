"""What is wrong with an inference request."""


class OipError(Exception):
    """The request does not follow the protocol or the columns; the message names the tensor."""


class TooLarge(OipError):
    """The request has more rows, tensors or values than are taken at once."""
