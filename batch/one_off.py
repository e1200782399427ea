"""A run on a machine that the operator does not sit at: the job comes in the environment.

`python -m batch.one_off DIGEST` on Heroku; the digest of the job is for whoever lists what runs.
"""

import hashlib
import os
import sys
from pathlib import Path

import msgspec

from batch.errors import BatchError
from batch.events import FAILED, RunRefused, report
from batch.job import BatchJob
from batch.run import BatchRun
from batch.storage.addresses import local_path
from service.bundle_files import MANIFEST

JOB, BUNDLE_DIGEST = "SLUICE_BATCH_JOB", "SLUICE_BATCH_BUNDLE"


def main() -> int:
    """Run the job; returns the exit code."""
    try:
        job = _job()
        ended = BatchRun(job, report).run()
    except BatchError as error:
        report(RunRefused(str(error)))
        return FAILED

    report(ended)
    return {"done": 0}.get(ended.state, FAILED)


def _job() -> BatchJob:
    job = msgspec.json.decode(os.environ[JOB], type=BatchJob)
    digest = hashlib.sha256((Path(job.bundle) / MANIFEST).read_bytes()).hexdigest()
    if digest != os.environ[BUNDLE_DIGEST]:
        raise BatchError(
            "this app has another bundle of the version than the operator's machine: deploy the "
            "version again, or take the bundle that was deployed"
        )

    return msgspec.structs.replace(
        job, patterns=list(map(local_path, job.patterns)), out=local_path(job.out)
    )


if __name__ == "__main__":
    sys.exit(main())
