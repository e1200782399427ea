"""Named tokens of a router under test, and browsers that sign in with them."""

from pathlib import Path

import httpx

from rollout.access_tokens import FILE, NamedToken, TokenRole, digest_of, to_text

TOKENS = {"ana": (TokenRole.VIEWER, "sluice_of-ana"), "bob": (TokenRole.OPERATOR, "sluice_of-bob")}
ANA = {"Authorization": "Bearer sluice_of-ana"}
BOB = {"Authorization": "Bearer sluice_of-bob"}


def keep_tokens(state: Path, *names: str, **tokens: str) -> Path:
    """Replace the file of named tokens as `tokens add` and `revoke` do. tokens: other ones."""
    path = state.joinpath(*FILE)
    path.parent.mkdir(exist_ok=True)
    kept = []
    for name in names or TOKENS:
        role, token = TOKENS[name]
        kept.append(NamedToken(name, role, digest_of(tokens.get(name, token).encode())))

    draft = path.with_suffix(".draft")
    draft.touch(0o600)
    draft.write_text(to_text(tuple(kept)))
    draft.replace(path)
    return path


class Browser:
    """A browser at a page of a router: its headers, and its cookies. A connection a request.

    origin: of the page, the router's own by default."""

    def __init__(self, url: str, origin: str = "") -> None:
        self.url = url
        self.headers = {"Origin": origin or url, "Sec-Fetch-Site": "same-origin"}
        self.cookies: dict[str, str] = {}

    def request(
        self, method: str, path: str, headers: dict[str, str] | None = None, **content: object
    ) -> httpx.Response:
        """Send a request; headers: in place of its own, an empty one is left out."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {**self.headers, "Cookie": cookies, **(headers or {})}
        answer = httpx.request(
            method,
            f"{self.url}{path}",
            headers={name: value for name, value in sent.items() if value},
            timeout=120,
            **content,
        )
        if "set-cookie" in answer.headers:
            self._keep(answer.headers["set-cookie"])

        return answer

    def get(self, path: str, **headers: str) -> httpx.Response:
        """The same of a GET."""
        return self.request("GET", path, headers)

    def post(
        self, path: str, headers: dict[str, str] | None = None, **content: object
    ) -> httpx.Response:
        """The same of a POST."""
        return self.request("POST", path, headers, **content)

    def who(self, **headers: str) -> str:
        """Name and role, as the router says."""
        caller = self.get("/session", **headers).json()
        return f"{caller['name']} {caller['role']}".strip()

    def _keep(self, cookie: str) -> None:
        name, _, value = cookie.partition(";")[0].partition("=")
        if "Max-Age=0" in cookie:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value


def signed_in(url: str, name: str) -> Browser:
    """A browser with a session of that name's token."""
    made = Browser(url)
    answer = made.post("/session", json={"token": TOKENS[name][1]})
    assert answer.status_code == 200, answer.text
    return made
