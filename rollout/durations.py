"""Durations as people read them."""

DAY_S = 86_400


def shown_seconds(duration: float) -> str:
    """The shortest plain form: `90 s` up to two minutes, then `2.5 min`, `3 h`, from three days on
    `4.5 d`.
    """
    if duration < 120:
        return f"{duration:.3g} s"
    if duration < 7200:
        return f"{duration / 60:.3g} min"
    if duration < 3 * DAY_S:
        return f"{duration / 3600:.3g} h"
    return f"{duration / DAY_S:.3g} d"
