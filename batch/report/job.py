"""What a report is asked for."""

import msgspec


class ReportJob(msgspec.Struct, frozen=True):
    """The request, as `deploy.py predict --report` sends it. out: the path or address of a finished
    run.
    """

    bundle: str
    public_key: str
    out: str
