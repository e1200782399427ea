"""Reads late labels: the prediction of each, whether its value is possible, and the loss.

A prediction takes no more labels than its request had rows, and that of a classifier only the
classes of its version. A label that cannot be read is reported by its position, and the others are
counted."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from rollout.state.classes import Answers, ClassValue, label_text, number_of
from rollout.state.signal_settings import Labels
from rollout.verdict.evidence import LABEL_LEVELS
from router.evidence.prediction_id import BadToken, SignedPrediction, label_id, opened
from router.evidence.prediction_values import UNKNOWN
from router.problems import Problem
from router.requests.json_errors import json_fault, without_bom
from router.requests.json_scan import too_many
from store.feedback import Feedback as Row
from store.feedback import LabelledPrediction

MOST_LABELS = 10_000
AT_ONCE = 250
LONGEST_LABEL = 256
# JSON may write a character as two escapes of six characters.
LONGEST_RAW = 12 * LONGEST_LABEL + 2
SHOWN_CLASSES = 8
SHOWN_CHARACTERS = 40
FORM = '{"prediction_id", "label"}'


class LabelEntry(msgspec.Struct, forbid_unknown_fields=True):
    """One entry. label: a value for a prediction of one row, a list of values for several rows."""

    prediction_id: str
    label: msgspec.Raw


class FeedbackBody(msgspec.Struct, forbid_unknown_fields=True):
    """A body that is an object: one entry, or several of them under `feedback`."""

    prediction_id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    label: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    feedback: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


@dataclass(frozen=True)
class LabelContext:
    """What labels are checked against.

    answers: what a version answers, by its name.
    loss: the label policy of a rollout, by the revision with which it began.
    most_rows: labels allowed for a prediction whose id does not tell its rows."""

    answers: Callable[[str], Answers]
    loss: Callable[[int], Labels]
    most_rows: int = MOST_LABELS


@dataclass(frozen=True)
class LabelBatch:
    """Labels that were read. invalid: those that cannot be counted, by `index` and `row`.

    delays: of each row, the seconds from its prediction to its label."""

    rows: list[Row]
    invalid: list[dict[str, Any]]
    delays: list[float] = field(default_factory=list)


class ReadLabel(NamedTuple):
    """A label that can be counted, and the seconds from its prediction to it."""

    row: Row
    delay_s: float


_decode_entry = msgspec.json.Decoder(LabelEntry).decode
_decode_value = msgspec.json.Decoder(bool | int | float | str).decode
_decode_values = msgspec.json.Decoder(list[msgspec.Raw]).decode
_unreadable = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def entries_of(body: bytes) -> Sequence[bytes | msgspec.Raw]:
    """The entries of one call, undecoded; raises Problem 400, 413."""
    body = without_bom(body)
    try:
        return _entries(body)
    except msgspec.ValidationError as error:
        raise Problem(400, f"the body is not {FORM} or a list of them: {error}") from error
    except _unreadable as error:
        detail = json_fault(body, error, f"send {FORM} or a list of them")
        raise Problem(400, detail) from error


def _entries(body: bytes) -> Sequence[bytes | msgspec.Raw]:
    if body.lstrip()[:1] == b"[":
        return _listed_entries(body)

    parsed = msgspec.json.decode(body, type=FeedbackBody)
    if parsed.feedback is msgspec.UNSET:
        _decode_entry(body)
        return [body]

    entries = _listed_entries(bytes(parsed.feedback))
    if parsed.prediction_id is not msgspec.UNSET or parsed.label is not msgspec.UNSET:
        raise Problem(400, f"the body is both {FORM} and a list of them: send one of the two")

    return entries


def _listed_entries(listed: bytes) -> Sequence[msgspec.Raw]:
    if _has_more(listed, MOST_LABELS):
        raise Problem(
            413,
            f"more than {MOST_LABELS} entries in one call: at most {MOST_LABELS} are allowed, send "
            "several calls",
        )

    return _decode_values(listed)


def _has_more(listed: bytes, most: int) -> bool:
    """Whether a list has more than `most` elements. It is not decoded: that would cost too much."""
    return listed.count(b",") >= most and too_many(listed, {1: most}) is not None


def in_parts(
    entries: Sequence[bytes | msgspec.Raw],
    key: bytes,
    now: datetime,
    context: LabelContext,
    most: int = MOST_LABELS,
) -> Iterator[LabelBatch]:
    """Read all entries, AT_ONCE labels at a time.

    most: labels to read; the entries after them are invalid."""
    part, read = LabelBatch([], []), 0
    for index, raw in enumerate(entries):
        if read >= most:
            detail = f"there were {read} labels before it in this call: send it in another one"
            part.invalid.append({"index": index, "detail": detail})
        else:
            for label in _of_entry(raw, key, now, context):
                read += 1
                if isinstance(label, ReadLabel):
                    part.rows.append(label.row)
                    part.delays.append(label.delay_s)
                else:
                    part.invalid.append({"index": index, **label})

                if len(part.rows) + len(part.invalid) >= AT_ONCE:
                    yield part
                    part = LabelBatch([], [])

    yield part


def _of_entry(
    raw: bytes | msgspec.Raw, key: bytes, now: datetime, context: LabelContext
) -> Iterator[ReadLabel | dict[str, Any]]:
    """The rows of an entry; a dict with `detail` for a row or an entry that is invalid."""
    try:
        yield from _rows(_decode_entry(raw), key, now, context)
    except msgspec.DecodeError as error:
        yield {"detail": f"it is not {FORM}: {_short(str(error), 200)}"}
    except (BadToken, ValueError, RecursionError) as error:
        yield {"detail": _short(str(error), 400)}


def _rows(
    entry: LabelEntry, key: bytes, now: datetime, context: LabelContext
) -> Iterator[ReadLabel | dict[str, Any]]:
    """The rows of an entry; a dict for an invalid one.

    Raises BadToken, ValueError where the whole entry is invalid."""
    prediction, signature = opened(entry.prediction_id, key)
    raws = _raw_values(bytes(entry.label), prediction, context)
    delay_s = now.timestamp() - prediction.at_ms / 1000
    for number, raw in enumerate(raws):
        try:
            value = _value(bytes(raw))
            row = _row(signature, prediction, number, len(raws), value, now, context)
            yield ReadLabel(row, delay_s)
        except ValueError as error:
            where = {"row": number} if len(raws) > 1 else {}
            yield {**where, "detail": _short(str(error), 400)}


def _value(raw: bytes) -> ClassValue:
    # Checked before decoding: a number of a million digits takes a minute.
    if len(raw) > LONGEST_RAW:
        raise ValueError(f"it is longer than the {LONGEST_LABEL} characters of a label")

    try:
        value: ClassValue = _decode_value(raw)
    except msgspec.DecodeError as error:
        raise ValueError(f"a label is a number, a text, true or false: {error}") from error

    return value


def _raw_values(
    label: bytes, prediction: SignedPrediction, context: LabelContext
) -> Sequence[bytes | msgspec.Raw]:
    expected = prediction.rows or len(prediction.scores)
    most = expected or context.most_rows
    listed = label.lstrip()[:1] == b"["
    if listed and _has_more(label, most):
        raise ValueError(f"more than {most} labels for a prediction of {_counted(most)}")

    values: Sequence[bytes | msgspec.Raw] = _decode_values(label) if listed else [label]
    if len(values) > most or (expected and len(values) != expected):
        raise ValueError(f"{len(values)} labels for a prediction of {_counted(most)}")

    return values


def _counted(rows: int) -> str:
    return f"{rows} row{'s' * (rows != 1)}"


def _row(
    signature: str,
    prediction: SignedPrediction,
    number: int,
    rows: int,
    value: ClassValue,
    now: datetime,
    context: LabelContext,
) -> Row:
    score, predicted_class = _predicted(prediction, number)
    answers = context.answers(prediction.version)
    text = _truth(value, prediction, answers)
    outcome = _outcome(predicted_class, score, text)

    # A request is one draw, so one of its rows counts in the verdict: the first.
    bets = prediction.bets and number == 0
    level = None
    if bets:
        loss = context.loss(prediction.rollout)
        level = loss_level(loss, predicted_class, score, text, answers)

    # At no weight it bets by both answers alone: once, never by the draw as well.
    weight = 0
    if not prediction.paired:
        weight = prediction.weight

    drawn = (prediction.rollout, weight, bets and level is not None, level)
    identity = label_id(signature, number, rows)
    return Row(
        identity, prediction.version, score, predicted_class or None, text, outcome, now, *drawn
    )


def _predicted(prediction: SignedPrediction, number: int) -> tuple[float | None, str]:
    """The score and class of one row, as far as the id holds them."""
    scores, classes = prediction.scores, prediction.classes
    score = scores[number] if number < len(scores) else None
    predicted_class = classes[number] if number < len(classes) else ""
    return score, predicted_class


def _truth(value: ClassValue, prediction: SignedPrediction, answers: Answers) -> str:
    """A label as text; raises ValueError for an impossible value.

    Counted, it would exclude the right label, since each prediction has one."""
    version = prediction.version
    if answers.names:
        key = answers.names.key(value)
        if key is None:
            raise ValueError(f"{_short(repr(value))} is no class of {version} ({_listed(answers)})")

        return key

    if answers.values or (answers.task == "" and prediction.classes and not prediction.classes[0]):
        number = number_of(value)
        if number is None:
            raise ValueError(f"{_short(repr(value))} is no number, and {version} predicts numbers")

        return label_text(number)

    text = label_text(value)
    if len(text) > LONGEST_LABEL:
        raise ValueError(
            f"{_short(repr(value))} is longer than the {LONGEST_LABEL} characters of a label"
        )

    return text


def _listed(answers: Answers) -> str:
    shown = ", ".join(_short(key) for key in answers.names.keys[:SHOWN_CLASSES])
    more = len(answers.classes) - SHOWN_CLASSES
    if more > 0:
        return f"{shown} and {more} more"
    return shown


def _short(text: str, most: int = SHOWN_CHARACTERS) -> str:
    if len(text) <= most:
        return text
    return f"{text[:most]}..."


def has_other_answer(row: Row) -> bool:
    """Whether the label is of a request of a rollout that was not drawn, so that another version's
    answer to it may be stored: a shadow's, or that of the other version of a pair.
    """
    return row.bets and row.rollout > 0 and row.weight == 0


def absolute_error(row: Row) -> float | None:
    """How far a predicted number is from its label; None where there is no such number."""
    if row.predicted_class or row.predicted is None:
        return None

    try:
        error = abs(row.predicted - float(row.label))
    except ValueError:
        return None
    return error if math.isfinite(error) else None


def counted_levels(
    predictions: Iterable[LabelledPrediction], signal: Labels, answers: Answers
) -> dict[str, int]:
    """How many of these have each loss, in sixteenths of the bound."""
    levels: Counter[str] = Counter()
    for made in predictions:
        name = made.predicted_class or ""
        level = loss_level(signal, name, made.predicted, made.label, answers)
        if level is not None:
            levels[str(level)] += 1

    return dict(levels)


def loss_level(
    signal: Labels,
    predicted_class: str,
    score: float | None,
    label: str,
    answers: Answers = UNKNOWN,
) -> int | None:
    """The loss of one labelled prediction, in sixteenths of the bound; None where it has none.

    brier and log take the score as the probability of the second of two classes; where the classes
    are not known, these are 0 and 1."""
    if signal.loss == "wrong":
        if not predicted_class:
            return None
        if predicted_class == label:
            return 0
        return LABEL_LEVELS - 1

    if score is None:
        return None

    truth = _number(signal.loss, label, answers)
    if truth is None:
        return None

    loss = _loss(signal.loss, score, truth)
    if not math.isfinite(loss):
        return None

    return round(min(loss / signal.bound, 1.0) * (LABEL_LEVELS - 1))


def _number(kind: str, label: str, answers: Answers) -> float | None:
    """The label as the number that a score is compared with; None where it has none."""
    if kind != "absolute" and answers.classes:
        if answers.two_classes:
            return float(label == answers.names.keys[1])
        return None

    try:
        return float(label)
    except ValueError:
        return None


def _loss(kind: str, score: float, truth: float) -> float:
    if kind == "absolute":
        return abs(score - truth)
    if kind == "brier":
        return (score - truth) ** 2

    given = score if truth >= 0.5 else 1 - score
    return -math.log(max(given, 1e-12))


def _outcome(predicted_class: str, score: float | None, label: str) -> str:
    if predicted_class:
        if predicted_class == label:
            return "right"
        return "wrong"

    if score is None:
        return "unscored"
    return "scored"
