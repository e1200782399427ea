"""`python -m emulator`: run it until Ctrl-C, which ends every process that it started."""

import argparse
import asyncio
import secrets
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from uuid import uuid4

import httpx

from emulator.checks import schema_file
from emulator.checks.conformance import Schema
from emulator.model.clock import Clock
from emulator.platform import Platform
from emulator.server import Server

GREETING = """A Heroku on this machine, until Ctrl-C. {schema}

export HEROKU_HOST={base}
export HEROKU_API_KEY={token}

Apps: connect to 127.0.0.1:{port}, send Host from web_url (plain HTTP).
Report of all calls: {base}/emulator/account
"""


def arguments(words: list[str]) -> argparse.Namespace:
    """The options of the command line; exits 2 for an invalid one."""
    parser = argparse.ArgumentParser(
        prog="python -m emulator", description="A Heroku on this machine."
    )
    parser.add_argument("--port", type=int, default=0, help="loopback port (0: a free one)")
    parser.add_argument(
        "--speed", type=float, default=1, help="how much faster the platform's own waits pass"
    )
    parser.add_argument(
        "--hurry",
        type=float,
        default=1,
        help="divides the time that a process is allowed: boot 60 s, answer 30 s",
    )
    parser.add_argument(
        "--state", type=Path, help="folder for slugs, dynos and uploads (else a temporary one)"
    )
    parser.add_argument(
        "--schema", help="Heroku's schema.json (else HEROKU_SCHEMA, else the download)"
    )
    parser.add_argument(
        "--fetch-schema", action="store_true", help=f"download it first, from {schema_file.ADDRESS}"
    )
    parser.add_argument("--token", help="the API key to accept (else a new one)")

    options = parser.parse_args(words)
    if min(options.speed, options.hurry) < 1:
        parser.error("--speed and --hurry are at least 1")

    return options


async def serve(options: argparse.Namespace, folder: Path) -> None:
    """Run until a signal."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)

    path = schema_file.find(options.schema)
    token = options.token or f"HRKU-{uuid4()}"
    platform = Platform(folder, Clock(options.speed, options.hurry), Schema(path), token)
    server = Server(platform)
    port = await server.start(options.port)

    schema = "Calls are not validated: there is no schema, see --fetch-schema."
    if path:
        schema = f"Calls are validated against {path}."

    print(GREETING.format(schema=schema, base=platform.base, token=token, port=port), flush=True)
    try:
        await stopped.wait()
    finally:
        await server.stop()
        await platform.end()


def main() -> int:
    """Exit status: 0 after Ctrl-C, 1 when it cannot start."""
    options = arguments(sys.argv[1:])
    temporary = Path(tempfile.gettempdir()) / f"emulator-{secrets.token_hex(4)}"
    folder = (options.state or temporary).resolve()
    try:
        if options.fetch_schema:
            schema_file.fetch()

        folder.mkdir(parents=True, exist_ok=True)
        asyncio.run(serve(options, folder))
    except (OSError, ValueError, httpx.HTTPError) as error:
        print(f"The emulator cannot run: {error}", file=sys.stderr)
        return 1
    finally:
        if options.state is None:
            shutil.rmtree(folder, ignore_errors=True)

    return 0


if __name__ == "__main__":
    sys.exit(main())
