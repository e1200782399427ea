"""A run whose job comes in the environment, as in a one-off dyno."""

import hashlib
import os
import subprocess
import sys

import msgspec
import pytest

from batch.one_off import BUNDLE_DIGEST, JOB
from tests.batch.batch_harness import ROOT, WAIT_S, many_loans


def one_off(batch, digest=None, **more):
    """The events of a run, and its exit code."""
    job = batch.job(**more)
    bundle, _ = batch.bundles("logistic")
    known = hashlib.sha256((bundle / "release.yaml").read_bytes()).hexdigest()
    done = subprocess.run(
        [sys.executable, "-m", "batch.one_off", "d1ge57"],
        cwd=ROOT,
        capture_output=True,
        env={
            **os.environ,
            JOB: msgspec.json.encode(job).decode(),
            BUNDLE_DIGEST: digest or known,
        },
        timeout=WAIT_S,
        check=False,
    )
    return list(map(msgspec.json.decode, done.stdout.splitlines())), done.returncode


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_it_predicts_and_reports_to_its_log(batch, scheme):
    batch.write(many_loans(200))
    addresses = {"patterns": [f"{scheme}{batch.inputs}"], "out": f"{scheme}{batch.out}"}
    events, code = one_off(batch, **addresses)
    assert (events[0]["event"], events[-1]["state"], code) == ("started", "done", 0)
    assert batch.output().num_rows == 200


def test_another_bundle_than_the_one_that_was_deployed_is_refused(batch):
    batch.write(many_loans(10))
    events, code = one_off(batch, digest="0" * 64)
    assert code == 1
    assert "this app has another bundle of the version" in events[-1]["detail"]
    assert not batch.out.exists()
