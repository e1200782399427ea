"""Sources: where a tarball is put so that a build can fetch it."""

from dataclasses import dataclass, field

from targets.heroku.api.client import Client
from targets.heroku.api.streams import upload


@dataclass(frozen=True)
class Source:
    """One upload.

    url: where the build fetches it, a secret while it is valid
    checksum: `SHA256:` and the hex digest
    """

    url: str = field(repr=False)
    checksum: str
    version: str


def send_source(client: Client, content: bytes, checksum: str, version: str) -> Source:
    """Upload a tarball, which costs nothing; raises Refused, Unanswered, HerokuFailure."""
    made = client.post("/sources", {}, look=lambda: None)["source_blob"]
    upload(made["put_url"], content)
    return Source(made["get_url"], checksum, version)
