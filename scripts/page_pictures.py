"""Take pictures of our pages for the documentation, with Debian's Chromium.

`python -m scripts.page_pictures URL FILE.png`; `--help` lists the options.
"""

import argparse
from pathlib import Path
from urllib.parse import urlencode

from PIL import Image

from tests.e2e.page_browser import DESKTOP, PHONE, page_browser

MOST_BYTES = 200_000


def main() -> None:
    """Take one picture of the beginning of a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("file", type=Path)
    parser.add_argument("--at", default="")
    parser.add_argument("--span", default="rollout")
    parser.add_argument("--phone", action="store_true")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--height", type=int, default=1000)
    parser.add_argument("--width", type=int, default=0)
    parser.add_argument("--wait", default="canvas", help="what must be there")
    parser.add_argument("--click", default="", help="what to click first")
    options = parser.parse_args()

    shape = PHONE if options.phone else DESKTOP
    width = options.width or shape["viewport"]["width"]
    viewport = {"width": width, "height": options.height}
    query = {"span": options.span, **({"at": options.at} if options.at else {})}
    colours = "dark" if options.dark else "light"
    with (
        page_browser() as browser,
        browser.tab(**{**shape, "viewport": viewport, "color_scheme": colours}) as tab,
    ):
        tab.open(f"{options.url.rstrip('/')}/?{urlencode(query)}")
        if options.click:
            tab.page.click(options.click)

        tab.page.wait_for_selector(options.wait)
        tab.page.wait_for_timeout(500)
        tab.page.evaluate("scrollTo(0, 0)")
        options.file.parent.mkdir(parents=True, exist_ok=True)
        tab.page.screenshot(path=options.file)

    # A page has few colours, and its picture then a third of the bytes.
    Image.open(options.file).convert("RGB").quantize(96, dither=Image.Dither.NONE).save(
        options.file, optimize=True
    )

    print(f"{options.file}: {options.file.stat().st_size:,} bytes")
    if options.file.stat().st_size > MOST_BYTES:
        raise SystemExit(f"that is more than {MOST_BYTES:,} bytes: take a smaller part (--height)")


if __name__ == "__main__":
    main()
