"""GET /whoserved/ID: what a prediction's id says. Only the router has the key; who asks shows the stack's secret."""

from hmac import compare_digest

import msgspec

from router.problems import Problem
from router.tokens import BadToken, read


class WhoServed:
    """Reads ids for whoever has the service secret."""

    def __init__(self, secret: str, key: bytes) -> None:
        self._expected, self._key = f"Bearer {secret}".encode(), key

    def answer(self, token: str, authorization: str) -> bytes:
        """The id's fields as JSON; raises Problem 401 without the secret, 404 for an id that was not signed here."""
        if not compare_digest(authorization.encode(), self._expected):
            raise Problem(401, "who answered is told to the operator only: `python deploy.py whoserved ID` asks")
        try:
            return msgspec.json.encode(msgspec.structs.asdict(read(token, self._key)))
        except (BadToken, msgspec.DecodeError) as error:
            raise Problem(404, f"no prediction of this router has this id: {error}") from error
