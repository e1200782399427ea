"""The direct form of a fitted pipeline, for one signature of columns."""

from collections.abc import Sequence
from typing import Any

from service.bundle import FRAME, Column
from service.rows import Columns
from service.runtimes.direct.errors import NoDirectForm
from service.runtimes.direct.maker import FormMaker


class DirectForm:
    """Answers like the pipeline, and raises an exception for rows that it leaves to the pipeline.

    direct: the steps with a direct form. called: those that are called as they are.
    """

    def __init__(self, pipeline: Any, output: str, columns: Sequence[Column], form: str) -> None:
        """Raises NoDirectForm. form: what the pipeline takes, as in the manifest."""
        if form != FRAME:
            raise NoDirectForm(f"it takes a {form}")

        maker = FormMaker(columns)
        self._call = maker.pipeline(pipeline, output)
        self.direct, self.called = tuple(maker.direct), tuple(maker.called)
        if not self.direct:
            raise NoDirectForm("none of its steps has one")

    def answer(self, columns: Columns) -> Any:
        """What the pipeline's method would return for these rows."""
        return self._call(columns)
