"""Why a build failed: the lines that the buildpack prints after ` !     `."""


class BuildError(Exception):
    """The first line begins with `Error: `, in the buildpack's own words."""

    def __init__(self, *lines: str) -> None:
        super().__init__(lines[0])
        self.lines = lines
