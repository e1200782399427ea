"""Reads late labels: which prediction each is of, whether it can be its truth, and what was lost by
it.

What comes from outside is bounded by what the id was given for: no more labels than the request had
rows, and of a classification only its classes. One that cannot be read is named by its place and
keeps no other from being counted."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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

MOST_LABELS = 10_000
AT_ONCE = 250
LONGEST_LABEL = 256
# Each character may be written as two escapes of six signs.
LONGEST_RAW = 12 * LONGEST_LABEL + 2
SHOWN_CLASSES = 8
SHOWN_CHARACTERS = 40
FORM = '{"prediction_id", "label"}'


class Labelled(msgspec.Struct, forbid_unknown_fields=True):
    """One entry: a value for a prediction of one row, a list of them for one of several rows."""

    prediction_id: str
    label: msgspec.Raw


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """A body that is an object: one entry, or several under `feedback`."""

    prediction_id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    label: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    feedback: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


@dataclass(frozen=True)
class Known:
    """What a label is read by. answers: of a version; loss: of labels in the rollout that began
    with a revision, as it was planned then. most_rows: labels of one prediction whose id does not
    tell its rows."""

    answers: Callable[[str], Answers]
    loss: Callable[[int], Labels]
    most_rows: int = MOST_LABELS


@dataclass(frozen=True)
class Read:
    """What some entries held: rows to count, and those that cannot be, by the place of their entry
    and their row.
    """

    rows: list[Row]
    invalid: list[dict[str, Any]]


_decode_entry = msgspec.json.Decoder(Labelled).decode
_decode_value = msgspec.json.Decoder(bool | int | float | str).decode
_decode_values = msgspec.json.Decoder(list[msgspec.Raw]).decode
_unreadable = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def entries_of(body: bytes) -> Sequence[bytes | msgspec.Raw]:
    """The entries of one call, each still raw; raises Problem 400, 413."""
    body = without_bom(body)
    try:
        return _entries(body)
    except msgspec.ValidationError as error:
        raise Problem(400, f"the body is not {FORM} or a list of them: {error}") from error
    except _unreadable as error:
        said = json_fault(body, error, f"send {FORM} or a list of them")
        raise Problem(400, said) from error


def _entries(body: bytes) -> Sequence[bytes | msgspec.Raw]:
    if body.lstrip()[:1] == b"[":
        return _listed_entries(body)

    parsed = msgspec.json.decode(body, type=Body)
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
    """Whether a list has more elements, told before any is made: a million are to cost what their
    bytes do.
    """
    return listed.count(b",") >= most and too_many(listed, {1: most}) is not None


def read_labels(
    entries: Sequence[bytes | msgspec.Raw], key: bytes, now: datetime, known: Known
) -> Read:
    """The rows to count of all entries; what cannot be counted is named by its place."""
    parts = list(in_parts(entries, key, now, known))
    return Read(
        [row for part in parts for row in part.rows],
        [each for part in parts for each in part.invalid],
    )


def in_parts(
    entries: Sequence[bytes | msgspec.Raw],
    key: bytes,
    now: datetime,
    known: Known,
    most: int = MOST_LABELS,
) -> Iterator[Read]:
    """The same, AT_ONCE labels at a time. most: labels to read; entries after them are named as
    what was too much.
    """
    part, read = Read([], []), 0
    for index, raw in enumerate(entries):
        if read >= most:
            detail = f"there were {read} labels before it in this call: send it in another one"
            part.invalid.append({"index": index, "detail": detail})
        else:
            for found in _of_entry(raw, key, now, known):
                read += 1
                if isinstance(found, Row):
                    part.rows.append(found)
                else:
                    part.invalid.append({"index": index, **found})
                if len(part.rows) + len(part.invalid) >= AT_ONCE:
                    yield part
                    part = Read([], [])

    yield part


def _of_entry(
    raw: bytes | msgspec.Raw, key: bytes, now: datetime, known: Known
) -> Iterator[Row | dict[str, Any]]:
    """Each row of an entry, or what is wrong with the row or the whole entry."""
    try:
        yield from _rows(_decode_entry(raw), key, now, known)
    except msgspec.DecodeError as error:
        yield {"detail": f"it is not {FORM}: {_short(str(error), 200)}"}
    except (BadToken, ValueError, RecursionError) as error:
        yield {"detail": _short(str(error), 400)}


def _rows(
    entry: Labelled, key: bytes, now: datetime, known: Known
) -> Iterator[Row | dict[str, Any]]:
    """Each row of an entry, or what is wrong with it; raises BadToken, ValueError where the whole
    entry is wrong.
    """
    prediction, signature = opened(entry.prediction_id, key)
    raws = _raw_values(bytes(entry.label), prediction, known)
    for number, raw in enumerate(raws):
        try:
            yield _row(signature, prediction, number, len(raws), _value(bytes(raw)), now, known)
        except ValueError as error:
            where = {"row": number} if len(raws) > 1 else {}
            yield {**where, "detail": _short(str(error), 400)}


def _value(raw: bytes) -> ClassValue:
    # Bounded before it is made: a number of a million digits takes a minute to become one.
    if len(raw) > LONGEST_RAW:
        raise ValueError(f"it is longer than the {LONGEST_LABEL} characters of a label")

    try:
        value: ClassValue = _decode_value(raw)
    except msgspec.DecodeError as error:
        raise ValueError(f"a label is a number, a text, true or false: {error}") from error

    return value


def _raw_values(
    label: bytes, prediction: SignedPrediction, known: Known
) -> Sequence[bytes | msgspec.Raw]:
    told = prediction.rows or len(prediction.scores)
    most = told or known.most_rows
    listed = label.lstrip()[:1] == b"["
    if listed and _has_more(label, most):
        raise ValueError(f"more than {most} labels for a prediction of {_counted(most)}")

    values: Sequence[bytes | msgspec.Raw] = _decode_values(label) if listed else [label]
    if len(values) > most or (told and len(values) != told):
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
    known: Known,
) -> Row:
    score = prediction.scores[number] if number < len(prediction.scores) else None
    predicted_class = prediction.classes[number] if number < len(prediction.classes) else ""
    answers = known.answers(prediction.version)
    text = _truth(value, prediction, answers)
    outcome = _outcome(predicted_class, score, text)
    # A request is one draw, so one of its rows bets: the first.
    bets = prediction.bets and number == 0
    level = (
        loss_level(known.loss(prediction.rollout), predicted_class, score, text, answers)
        if bets
        else None
    )
    drawn = (prediction.rollout, prediction.weight, bets and level is not None, level)
    identity = label_id(signature, number, rows)
    return Row(
        identity, prediction.version, score, predicted_class or None, text, outcome, now, *drawn
    )


def _truth(value: ClassValue, prediction: SignedPrediction, answers: Answers) -> str:
    """A label as it is counted; raises ValueError for one that cannot be the truth: counted, it
    would bar the right one."""
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


def of_a_shadow(row: Row) -> bool:
    """Whether this label is of a request that a rollout only copied: its candidate had no share of
    the traffic.
    """
    return row.bets and row.rollout > 0 and row.weight == 0


def loss_level(
    signal: Labels,
    predicted_class: str,
    score: float | None,
    label: str,
    answers: Answers = UNKNOWN,
) -> int | None:
    """The loss of one labelled prediction in sixteenths of the bound; None where it has none of the
    kind asked for.

    brier and log take the score as the probability of the second of two classes; where the classes
    are not known, of 1 beside 0."""
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
    """The truth as the number that a score is held against."""
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
