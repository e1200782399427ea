"""GET /whoserved/ID: the fields of a signed prediction id, which only the router can read."""

import msgspec

from router.evidence.prediction_id import BadToken, read
from router.problems import Problem


class WhoServed:
    """Reads the ids that were signed with one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def answer(self, token: str) -> bytes:
        """The fields of an id as JSON; raises Problem 404 for an id that was not signed here."""
        try:
            return msgspec.json.encode(msgspec.structs.asdict(read(token, self._key)))
        except (BadToken, msgspec.DecodeError) as error:
            raise Problem(404, f"no prediction of this router has this id: {error}") from error
