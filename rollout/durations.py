"""Durations as people read them."""


def shown_seconds(duration: float) -> str:
    """The shortest plain form: `90 s` up to two minutes, then `2.5 min`, `3 h`."""
    if duration < 120:
        return f"{duration:.3g} s"
    if duration < 7200:
        return f"{duration / 60:.3g} min"
    return f"{duration / 3600:.3g} h"
