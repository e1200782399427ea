"""Arrow streams read by a process of its own: it may die, and holds nothing that is secret."""

import asyncio
import io
import os
import signal
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from rollout.settings import Limits
from router.problems import Problem
from router.requests import arrow_process
from router.requests.arrow_process import ArrowProcess


def stream(compression=None, batches=1, **columns):
    """An Arrow stream of these columns."""
    table = pa.table(columns)
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        for _ in range(batches):
            writer.write_table(table)

    return sink.getvalue()


def stream_of(*arrays):
    """An Arrow stream of columns that are all called x."""
    batch = pa.RecordBatch.from_arrays(list(arrays), ["x"] * len(arrays))
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)

    return sink.getvalue()


TWICE = stream_of(pa.array([1]), pa.array([2]))


def read(*bodies, meanwhile=lambda _: None, within_s=60.0, **limits):
    """The rows of streams by one process, decoded; a Problem for what is refused."""

    async def ask():
        process = ArrowProcess(replace(Limits(), **limits))
        found = []
        try:
            for body in bodies:
                try:
                    loop = asyncio.get_running_loop()
                    rows = await process.rows(body, within_s, loop)
                    found.append([msgspec.json.decode(row) for row in rows])
                except Problem as problem:
                    found.append(problem)

                meanwhile(process)
        finally:
            process.close()

        return found

    return asyncio.run(ask())


def test_values_are_exact_and_rows_of_all_batches_come_in_order():
    body = stream(
        batches=2,
        big=pa.array([2**63 - 1, None], pa.int64()),
        single=pa.array([0.1, float("nan")], pa.float32()),
        half=pa.array(np.array([0.1, 1.5], np.float16)),
        double=[0.1, -1e300],
        flag=[True, None],
        text=["Tromsø", 'a "b"\n'],
        level=pa.array(["x", "y"]).dictionary_encode(),
        vector=[[1.5, 2.0], []],
    )
    (rows,) = read(body)
    first = {
        "big": 2**63 - 1,
        "single": float(np.float32(0.1)),
        "half": float(np.float16(0.1)),
        "double": 0.1,
        "flag": True,
        "text": "Tromsø",
        "level": "x",
        "vector": [1.5, 2.0],
    }
    second = {
        "big": None,
        "single": None,
        "half": 1.5,
        "double": -1e300,
        "flag": None,
        "text": 'a "b"\n',
        "level": "y",
        "vector": [],
    }
    assert rows == [first, second] * 2


def test_a_process_that_was_killed_is_started_again():
    def kill(process):
        os.kill(process._process.pid, signal.SIGKILL)
        process._process.wait(60)

    body = stream(x=[1])
    assert read(body, body, meanwhile=kill) == [[{"x": 1}], [{"x": 1}]]


def killed_as_it_reads(times):
    """The outcome of a stream whose process is killed so many times before it can answer."""

    async def ask():
        process = ArrowProcess(Limits())
        loop = asyncio.get_running_loop()
        rows = asyncio.ensure_future(process.rows(stream(x=[1]), 60.0, loop))
        killed = set()
        try:
            # It imports pyarrow first, which takes much longer than to be seen here.
            while len(killed) < times and not rows.done():
                await asyncio.sleep(0.001)
                running = process._process
                if running is not None and running.pid not in killed:
                    killed.add(running.pid)
                    running.kill()

            (answered,) = await asyncio.gather(rows, return_exceptions=True)
            return answered
        finally:
            process.close()

    return asyncio.run(ask())


def test_a_stream_is_read_again_where_its_process_was_killed_from_outside():
    assert list(map(msgspec.json.decode, killed_as_it_reads(1))) == [{"x": 1}]


def test_a_stream_whose_process_is_killed_twice_may_be_sent_again():
    refused = killed_as_it_reads(2)
    assert (refused.status, refused.retry_after_s) == (503, 1)
    assert "was killed twice while it read this one" in str(refused)


def test_a_process_that_is_closed_while_it_reads_is_not_started_again():
    async def ask():
        process = ArrowProcess(Limits())
        loop = asyncio.get_running_loop()
        rows = asyncio.ensure_future(process.rows(stream(x=[1]), 60.0, loop))
        while process._process is None and not rows.done():
            await asyncio.sleep(0.001)

        process.close()
        (answered,) = await asyncio.gather(rows, return_exceptions=True)
        return answered, process._process

    answered, running = asyncio.run(ask())
    assert isinstance(answered, Problem)
    assert running is None


def peak_bytes(process):
    """The most memory that the reader has had."""
    status = Path(f"/proc/{process._process.pid}/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


# Small bodies that become large: unpacked, as rows that repeat a dictionary's text, as lists.
BOMBS = {
    "zstd": stream("zstd", x=["y" * 8_000_000]),
    "lz4": stream("lz4", x=["y" * 8_000_000]),
    "many": stream("zstd", batches=500, x=["y" * 60_000]),
    "dictionary": stream(
        "zstd", x=pa.DictionaryArray.from_arrays(pa.array([0] * 256, pa.int8()), ["y" * 2_000_000])
    ),
    "list": stream("zstd", x=pa.array([[7] * 6_000_000], pa.list_(pa.int8()))),
    "numbers": stream("zstd", x=pa.array([[2**60] * 800_000], pa.list_(pa.int64()))),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_stream_takes_little_memory(name):
    peaks = []
    body = BOMBS[name]
    _, refused, rows = read(
        stream(x=[1]), body, stream(x=[1]), meanwhile=lambda made: peaks.append(peak_bytes(made))
    )
    assert len(body) < 250_000
    assert refused.status == 413, refused
    assert rows == [{"x": 1}]
    assert peaks[1] - peaks[0] < 150_000_000


@pytest.mark.parametrize("compression", [None, "zstd", "lz4"])
def test_a_large_stream_of_honest_rows_is_read(compression):
    chance = np.random.default_rng(3)
    columns = {f"x{number}": chance.normal(size=10_000) for number in range(90)}
    body = stream(compression, **columns)
    assert len(body) > 6_000_000
    (rows,) = read(body)
    assert len(rows) == 10_000
    assert rows[-1]["x7"] == columns["x7"][-1]


def test_the_process_has_none_of_the_routers_secrets(monkeypatch):
    monkeypatch.setenv("SLUICE_TOKEN_KEY", "a-secret-of-this-test")
    seen = []

    def look(process):
        seen.append(Path(f"/proc/{process._process.pid}/environ").read_bytes())

    read(stream(x=[1]), meanwhile=look)
    assert b"a-secret-of-this-test" not in seen[0]


def test_a_deadline_ends_the_process_and_the_next_stream_is_read():
    (late,) = read(stream(x=[1]), within_s=0.0001)
    assert late.status in (400, 504)


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "no valid Arrow stream"),
        (b"\xff" * 1_000, 400, "no valid Arrow stream"),
        (stream(x=[1, 2])[:-40], 400, "Arrow stream"),
        (stream(x=pa.array([None] * 20, pa.null())), 413, "20 rows in one request"),
        (stream(batches=20, x=[1]), 413, "11 rows in one request"),
        (stream(x=["y" * 2_000]), 413, "row 0 has 2008 bytes"),
        (stream("zstd", x=["y" * 50_000_000]), 413, "have 50000008 bytes once they are unpacked"),
        (stream("lz4", x=["y" * 50_000_000]), 413, "have 50000008 bytes once they are unpacked"),
        (
            stream("zstd", x=pa.array(["y" * 5_000_000]).dictionary_encode()),
            413,
            "bytes once they are unpacked: at most 1000 are allowed",
        ),
        (
            stream(x=pa.DictionaryArray.from_arrays([0] * 10, ["y" * 900])),
            413,
            "more than 4000 bytes",
        ),
        (TWICE, 400, "the Arrow schema has column 'x' twice"),
        (stream(x=[{"a": 1}]), 400, "of the Arrow type struct"),
        (stream(x=pa.array([1], pa.timestamp("ms"))), 400, "of the Arrow type timestamp"),
    ],
)
def test_a_stream_is_bounded_in_what_it_makes(body, status, reason):
    refused, rows = read(
        body,
        stream(x=[1]),
        max_rows=10,
        max_row_bytes=1_000 if "2008" in reason else 1_000_000_000,
        max_body_bytes=1_000,
    )
    assert refused.status == status, refused
    assert reason in str(refused)
    assert rows == [{"x": 1}]


def test_a_router_without_pyarrow_says_what_to_send(monkeypatch):
    monkeypatch.setattr(arrow_process, "find_spec", lambda _: None)

    async def ask():
        process = ArrowProcess(Limits())
        await process.rows(b"", 1.0, asyncio.get_running_loop())

    with pytest.raises(Problem, match="send the rows as JSON") as refused:
        asyncio.run(ask())
    assert refused.value.status == 415


def test_the_deadline_of_a_stream_that_waits_ends_no_other_callers():
    async def ask():
        process = ArrowProcess(Limits())
        loop = asyncio.get_running_loop()
        try:
            first = asyncio.ensure_future(process.rows(stream(x=list(range(5_000))), 60.0, loop))
            late = asyncio.ensure_future(process.rows(stream(x=[1]), 0.0, loop))
            return await asyncio.gather(first, late, return_exceptions=True)
        finally:
            process.close()

    rows, late = asyncio.run(ask())
    assert len(rows) == 5_000
    assert late.status == 504


def at_once(bodies, meanwhile=None, within_s=60.0):
    """The outcomes of streams that are sent at once, in their order.

    meanwhile: called with the process once the first of them is known."""

    async def ask():
        process = ArrowProcess(Limits())
        loop = asyncio.get_running_loop()
        try:
            calls = [asyncio.ensure_future(process.rows(body, within_s, loop)) for body in bodies]
            if meanwhile is not None:
                await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
                meanwhile(process)

            return await asyncio.gather(*calls, return_exceptions=True)
        finally:
            process.close()

    return asyncio.run(ask())


def own_rows(outcome, number):
    """Whether a stream has the rows of its own number."""
    return not isinstance(outcome, Exception) and [bytes(row) for row in outcome] == [
        b'{"x":%d}' % number
    ]


def test_each_of_many_streams_at_once_gets_its_own_outcome():
    bodies = [stream(x=[number]) for number in range(100)]
    bodies[7] = bodies[40] = TWICE
    bodies[41], bodies[60] = b"\xff" * 1_000, stream(x=["y" * 200_000])
    outcomes = at_once(bodies)
    for number in (7, 40):
        assert "column 'x' twice" in str(outcomes[number])

    assert "no valid Arrow stream" in str(outcomes[41])
    assert len(outcomes[60][0]) > 200_000
    others = [number for number in range(100) if number not in (7, 40, 41, 60)]
    assert all(own_rows(outcomes[number], number) for number in others)


@pytest.mark.parametrize("ended_by", [signal.SIGSEGV, signal.SIGKILL])
def test_where_the_process_dies_no_stream_but_the_one_that_it_reads_is_lost(ended_by):
    bodies = [stream(x=[number]) for number in range(100)]
    outcomes = at_once(bodies, lambda process: os.kill(process._process.pid, ended_by))
    lost = [number for number in range(100) if not own_rows(outcomes[number], number)]
    assert len(lost) <= (1 if ended_by == signal.SIGSEGV else 0)
    assert all(outcomes[number].status == 400 for number in lost)


def test_a_stream_that_was_sent_with_others_is_late_alone(monkeypatch):
    monkeypatch.setattr(arrow_process, "LOOK_AGAIN_S", 0.01)

    async def ask():
        process = ArrowProcess(Limits())
        loop = asyncio.get_running_loop()
        try:
            await process.rows(stream(x=[0]), 60.0, loop)
            calls = []
            for number in range(32):
                within_s = 0.0 if number % 2 else 60.0
                calls.append(
                    asyncio.ensure_future(process.rows(stream(x=[number]), within_s, loop))
                )

            return await asyncio.gather(*calls, return_exceptions=True)
        finally:
            process.close()

    for number, outcome in enumerate(asyncio.run(ask())):
        assert outcome.status == 504 if number % 2 else own_rows(outcome, number)
