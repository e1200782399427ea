"""Headers of the page: it runs and loads only what this router serves, and nobody frames it."""

from router.problems import Headers

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def of_page() -> Headers:
    """The headers of every page and of what belongs to one."""
    return [
        (b"content-security-policy", POLICY.encode()),
        (b"referrer-policy", b"no-referrer"),
        (b"x-content-type-options", b"nosniff"),
    ]
