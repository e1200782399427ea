"""Proves a bundle in a process that was forked before its pipeline was built.

A delivery starts a new interpreter for this proof, which takes seconds to import the libraries. The
forked process has them, and like a new interpreter nothing of the recipe.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from delivery import pack
from delivery.errors import DeliveryError, first_line
from delivery.proof import self_test
from delivery.proof.self_test import ServedRows

FORK = get_context("fork")
LONGEST_S = 300.0


@contextmanager
def proved_in_warm_process() -> Iterator[None]:
    """Fork the process that proves, and let deliveries use it within; the recipe comes after."""
    ours, its = FORK.Pipe()
    process = FORK.Process(target=_prove_one, args=(its,), daemon=True)
    process.start()
    its.close()

    def prove(
        bundle: Path,
        public_key: Path,
        served: Sequence[ServedRows] = (),
        python: Path | None = None,
    ) -> str:
        if python is not None:
            # Of another environment, which no fork of this process has.
            return self_test.prove_in_fresh_process(bundle, public_key, served, python)

        ours.send((bundle, public_key, list(served)))
        if not ours.poll(LONGEST_S):
            raise DeliveryError(f"{bundle} did not answer its golden rows")

        proved, message = ours.recv()
        if proved:
            return str(message)

        raise DeliveryError(f"the bundle does not load in a fresh process: {message}")

    before = pack.prove_in_fresh_process
    pack.prove_in_fresh_process = prove
    try:
        yield
    finally:
        pack.prove_in_fresh_process = before
        process.kill()
        process.join()


def _prove_one(ends: Connection) -> None:
    """Wait for a bundle, prove it as a fresh process does, and say how it went."""
    try:
        bundle, key, served = ends.recv()
        message = self_test.prove_bundle(bundle, key, served)
        ends.send((True, message))
    except Exception as error:  # noqa: BLE001 (a pipeline may raise anything)
        ends.send((False, first_line(error)))
    finally:
        ends.close()
        os._exit(0)
