"""What the machine could do at best: a constant of the same size as an answer, and the hop to
it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.processes import STATE, Processes, free_port, resident_mb, tree
from benchmarks.setups import nginx
from benchmarks.setups.setup import Running, Setup
from benchmarks.wrk_load import write_bodies

ANSWER = '{"model":"flights","version":"v1","predictions":[[0.8123456789012345,0.18765432109876548]],"classes":[0,1]}'  # noqa: E501
Command = Callable[[Path, int, int], list[str]]


def constant() -> Setup:
    """nginx answering the constant itself."""
    return Setup("floor: nginx constant", f"nginx {nginx.version()} answers a constant", _constant)


def nginx_proxy() -> Setup:
    """nginx proxying to the constant."""
    about = f"nginx {nginx.version()} -> nginx constant, kept connections"
    return Setup("floor: nginx -> constant", about, partial(proxied, "nginx", _nginx_command))


@contextmanager
def _constant() -> Iterator[Running]:
    with Processes(STATE / "constant" / "log") as processes:
        port = free_port()
        pid = processes.start(nginx.command(STATE / "constant", nginx.constant(port, ANSWER)))
        url = f"http://127.0.0.1:{port}/predict"
        processes.wait_for(url)
        yield Running(
            url,
            write_bodies(STATE / "bodies.jsonl"),
            lambda: resident_mb(tree(pid)),
            predictions=None,
        )


@contextmanager
def proxied(name: str, command: Command) -> Iterator[Running]:
    """A proxy's command (its folder, its port, the constant's port) before the constant."""
    with Processes(STATE / f"floor-{name}" / "log") as processes:
        behind, port = free_port(), free_port()
        pids = [
            processes.start(
                nginx.command(STATE / f"floor-{name}" / "behind", nginx.constant(behind, ANSWER))
            )
        ]
        pids.append(processes.start(command(STATE / f"floor-{name}", port, behind)))
        url = f"http://127.0.0.1:{port}/predict"
        processes.wait_for(url)
        memory = partial(_memory, pids)
        yield Running(url, write_bodies(STATE / "bodies.jsonl"), memory, predictions=None)


def _memory(pids: list[int]) -> float:
    return resident_mb([descendant for pid in pids for descendant in tree(pid)])


def _nginx_command(folder: Path, port: int, behind: int) -> list[str]:
    return nginx.command(folder, nginx.proxy(f"127.0.0.1:{port}", f"127.0.0.1:{behind}"))
