"""The classes of a version, and which of them a label or an answer names.

A class has one key, its plain text: `1` for 1, 1.0 and true. A label names a class by the value it
equals, in whatever form it comes: a CSV gives 1.0 where the answers say 1, and JSON gives true."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

ClassValue = bool | int | float | str
MOST_CLASSES = 1_000
MOST_CHARACTERS = 65_536
LONGEST_NUMBER = 64
CLASSIFICATION = "classification"
PROBABILITIES = "predict_proba"
DECISION = "decision_function"


@dataclass(frozen=True)
class Answers:
    """What a version answers, as its manifest has it.

    task: "classification" or "regression", empty where it is not known. classes: in the order of
    the probabilities, empty where they are not known, too many to keep in the ledger, or there are
    none. probabilities: it answers one number a class. scores: it answers those of
    decision_function. Of several targets all of it is of the first."""

    task: str = ""
    classes: tuple[ClassValue, ...] = ()
    probabilities: bool = False
    scores: bool = False

    @property
    def values(self) -> bool:
        """Whether it answers numbers that are no classes."""
        return self.task not in ("", CLASSIFICATION)

    @property
    def two_classes(self) -> bool:
        """Whether one number, the probability of the second class, says all."""
        return self.probabilities and len(self.classes) == 2

    @property
    def by_largest(self) -> bool:
        """Whether the largest number of a list names the class; so it is where nothing is known."""
        return self.task == "" or self.probabilities or self.scores

    @cached_property
    def names(self) -> "Classes":
        """Its classes by what names them."""
        return Classes(self.classes)


def answers_of(task: str, classes: Iterable[ClassValue] | None, output: str) -> Answers:
    """What a version answers. classes, output: as its manifest has them.

    Classes of another output than the first are none that a rollout is judged by.
    """
    if task not in ("", CLASSIFICATION):
        classes = None

    scores = output == DECISION and task == CLASSIFICATION
    return Answers(task, kept(classes), output == PROBABILITIES, scores)


@dataclass(frozen=True)
class Classes:
    """Classes by what names them. keys: one text a class, in the same order."""

    values: Sequence[ClassValue]
    keys: tuple[str, ...] = field(init=False)
    _by_spelling: dict[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make the keys; of classes with the same text, as 1 and "1", the key is their Python
        form.
        """
        keys = _keys(self.values)
        object.__setattr__(self, "keys", keys)
        object.__setattr__(self, "_by_spelling", _unambiguous(zip(self.values, keys, strict=True)))

    def __bool__(self) -> bool:
        """Whether any are known."""
        return bool(self.values)

    def key(self, label: ClassValue) -> str | None:
        """The key of the class that a label equals; None where it equals none."""
        for value, key in zip(self.values, self.keys, strict=True):
            if _same(value, label):
                return key

        for text in spellings(label):
            if text in self._by_spelling:
                return self._by_spelling[text]

        return None


def _keys(values: Sequence[ClassValue]) -> tuple[str, ...]:
    texts = list(map(label_text, values))
    keys = []
    for text, value in zip(texts, values, strict=True):
        keys.append(text if texts.count(text) == 1 else repr(value))

    return tuple(keys)


def _same(value: ClassValue, label: ClassValue) -> bool:
    """Python takes 1, 1.0 and True for the same; a class list may hold two of them."""
    return type(value) is type(label) and value == label


def _unambiguous(classes: Iterable[tuple[ClassValue, str]]) -> dict[str, str]:
    """Key by spelling, nearest spellings first; one that two classes share names neither."""
    named: dict[str, tuple[int, set[str]]] = {}
    for value, key in classes:
        for rank, text in enumerate(spellings(value)):
            nearest, keys = named.get(text, (rank, set()))
            if rank < nearest:
                named[text] = rank, {key}
            elif rank == nearest:
                named[text] = nearest, keys | {key}

    return {text: keys.pop() for text, (_, keys) in named.items() if len(keys) == 1}


def spellings(value: ClassValue) -> Iterator[str]:
    """The texts that name a value, the nearest first: its own, then those of the same number or
    truth.
    """
    yield label_text(value)
    if isinstance(value, bool):
        yield str(value).lower()
        return

    if isinstance(value, str):
        word = value.strip().lower()
        if word in ("true", "false"):
            yield word
            yield str(int(word == "true"))
            return

    number = number_of(value)
    if number is not None:
        yield label_text(number)


def label_text(value: object) -> str:
    """A value as text: booleans and whole numbers alike whichever form they come in."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def number_of(value: ClassValue) -> int | float | None:
    """The finite number that a value is or writes; None where it is none.

    Whole numbers stay whole, so that two of them that are the same float remain two.
    """
    if isinstance(value, str) and (len(value) > LONGEST_NUMBER or "_" in value):
        return None

    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None

    if not math.isfinite(number):
        return None

    if isinstance(value, float):
        return number
    return _whole(value, number)


def _whole(value: int | str, number: float) -> int | float:
    try:
        return int(value)
    except ValueError:
        return number


def kept(classes: Iterable[ClassValue] | None) -> tuple[ClassValue, ...]:
    """The classes as the ledger keeps them: none where there are more, or longer ones, than belong
    in every revision.
    """
    listed = tuple(classes or ())
    if len(listed) > MOST_CLASSES:
        return ()

    characters = 0
    for value in listed:
        if not isinstance(value, ClassValue):
            return ()
        characters += len(str(value))

    if characters > MOST_CHARACTERS:
        return ()
    return listed
