"""GET /whoserved/ID: what a prediction's id says. Only the router has the key; router/access.py
says who may ask.
"""

import msgspec

from router.evidence.prediction_id import BadToken, read
from router.problems import Problem


class WhoServed:
    """Reads the ids that one key signed."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def answer(self, token: str) -> bytes:
        """The id's fields as JSON; raises Problem 404 for an id that was not signed here."""
        try:
            return msgspec.json.encode(msgspec.structs.asdict(read(token, self._key)))
        except (BadToken, msgspec.DecodeError) as error:
            raise Problem(404, f"no prediction of this router has this id: {error}") from error
