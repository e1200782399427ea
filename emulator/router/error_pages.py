"""The router's error codes: status and description, and the page that a browser shows."""

CODES = {
    "H10": (503, "App crashed"),
    "H11": (503, "Backlog too deep"),
    "H12": (503, "Request timeout"),
    "H13": (503, "Connection closed without response"),
    "H14": (503, "No web processes running"),
    "H15": (503, "Idle connection"),
    "H17": (503, "Poorly formatted HTTP response"),
    "H18": (503, "Server Request Interrupted"),
    "H19": (503, "Backend connection timeout"),
    "H20": (503, "App boot timeout"),
    "H21": (503, "Backend connection refused"),
    "H27": (499, "Client Request Interrupted"),
    "H80": (503, "Maintenance mode"),
    "H81": (503, "Blank app"),
}
TITLES = {"H80": "Offline for Maintenance", "H81": "Nothing here yet"}
PAGE = """<!DOCTYPE html>
<html>
<head><meta charset="utf-8"><title>{title}</title></head>
<body><h1>{title}</h1><p>{text}</p></body>
</html>
"""


def page(code: str) -> bytes:
    """HTML for an error code; the code itself is not shown to users."""
    title = TITLES.get(code, "Application error")
    text = "An error occurred in the application and your page could not be served."
    if code in TITLES:
        text = "Please try again later."

    return PAGE.format(title=title, text=text).encode()


NO_SUCH_APP = PAGE.format(
    title="No such app", text="There is no app configured at that hostname."
).encode()
