"""A dyno that is ended is over, whatever is cancelled meanwhile."""

import asyncio
import shutil
import threading
from pathlib import Path

import pytest

from emulator.dynos import runner
from emulator.dynos.logs import Log
from emulator.dynos.runner import Runner
from emulator.model.app import App, Dyno, Release
from emulator.model.clock import Clock
from emulator.model.record import Account
from emulator.model.sizes import SIZES


def test_a_cancelled_build_leaves_no_dyno_that_is_never_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was, where the cancellation met the removal of the dyno's files: deletion and Ctrl-C then
    waited for ever.
    """
    removing, go_on = threading.Event(), threading.Event()

    def slowly(*_: object, **__: object) -> None:
        removing.set()
        go_on.wait(300)

    monkeypatch.setattr(shutil, "rmtree", slowly)
    monkeypatch.setattr(runner, "_unpack", lambda *_: None)

    async def cancelled() -> bool:
        account = Account("a@example.com")
        app = App("app", account, Log())
        release = Release(app, account, 1, "Initial release", None, {})
        dyno = Dyno(
            app, "web", "web.1", "python sample_app.py", SIZES["basic"], release, stopping=True
        )
        running = asyncio.create_task(Runner(tmp_path, Clock(1, 1)).run(dyno))
        await asyncio.to_thread(removing.wait, 10)
        running.cancel()
        await asyncio.wait([running])
        go_on.set()
        return dyno.ended.is_set()

    assert asyncio.run(cancelled())
