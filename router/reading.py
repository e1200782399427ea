"""Raw predictions and labels as what they are compared and counted by: a score and a class as text."""

import msgspec

_number_lists = msgspec.json.Decoder(list[float]).decode
_anything = msgspec.json.Decoder().decode


def class_names(classes: bytes) -> list[str]:
    """The classes of an answer as text, none for a regression."""
    return [label_text(each) for each in _anything(classes) or []]


def read_prediction(raw: bytes, classes: list[str]) -> tuple[float, str]:
    """Score and class of one raw prediction; the class is empty for a regression."""
    if raw[:1] == b"[":
        probabilities = _number_lists(raw)
        best = probabilities.index(max(probabilities))
        return probabilities[-1], classes[best] if best < len(classes) else str(best)
    value = _anything(raw)
    if isinstance(value, float):
        return value, ""
    return (float(value) if isinstance(value, int) else 0.0), label_text(value)


def label_text(value: object) -> str:
    """A class or label as text: booleans and whole numbers alike whichever form they come in."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
