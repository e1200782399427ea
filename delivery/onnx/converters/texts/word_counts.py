"""Splits texts into words as scikit-learn does, and counts those of a vocabulary.

Each row is split by itself: in a batch split as a whole every row would be as long as the longest,
which one long text makes too large for the memory.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any

from onnx import TensorProto, helper
from skl2onnx.common.data_types import DoubleTensorType

from delivery.onnx.graph import Graph, NotConvertible

# The table of counts is dense: 256 MB of the largest batch that is compared.
MOST_WORDS = 8000
OF_ONNX_RUNTIME = "com.microsoft"
# It is no letter, so no word of a vocabulary is it.
FILLER = "#"
# How often the class of letters stands for a word, by the vectorizer's pattern.
WORDS = {r"(?u)\b\w\w+\b": "{0}{0}+", r"(?u)\b\w+\b": "{0}+", r"\b\w\w+\b": "{0}{0}+"}
# Without a counterpart here. Each may be any function, or changes letters.
PLAIN = {
    "analyzer": "word",
    "input": "content",
    "preprocessor": None,
    "strip_accents": None,
    "tokenizer": None,
}


@dataclass(frozen=True)
class WordPool:
    """The vocabulary as TfIdfVectorizer takes it.

    words: the words of all entries one after another, entries of one word first, then of two ...
    starts: where the entries of each length start in it. columns: of each entry.
    """

    words: list[str]
    starts: list[int]
    columns: list[int]


def shape(operator: Any) -> None:
    """A column for each word of the vocabulary."""
    operator.outputs[0].type = DoubleTensorType([None, _width(operator.raw_operator)])


def word_counts(graph: Graph) -> str:
    """How often each entry of the vocabulary stands in each row, double of [n, entries].

    Raises NotConvertible for a vectorizer that splits texts in another way.
    """
    model = graph.model
    _require_plain(model)
    (text,) = graph.inputs()
    if text.kind != TensorProto.STRING:
        raise NotConvertible(f"{graph.step} counts words, and gets numbers")

    body = _counts_of_one_row(model, _width(model))
    # The nodes within a graph are not seen by skl2onnx, which declares whose operators there are.
    graph.container.node_domain_version_pair_sets.add((OF_ONNX_RUNTIME, 1))
    counts = graph.cast(
        graph.add("Scan", text.name, body=body, num_scan_inputs=1), TensorProto.DOUBLE
    )
    if not model.binary:
        return counts

    return graph.add("Min", counts, graph.constant(1.0))


def _require_plain(model: Any) -> None:
    for name, value in PLAIN.items():
        if getattr(model, name) != value:
            raise NotConvertible(f"{type(model).__name__} with another {name} than {value!r}")

    if model.token_pattern not in WORDS:
        raise NotConvertible(f"{type(model).__name__} with the pattern {model.token_pattern!r}")

    if model.stop_words is not None and tuple(model.ngram_range) != (1, 1):
        raise NotConvertible(f"{type(model).__name__} of several words without stop words")

    if _width(model) > MOST_WORDS:
        raise NotConvertible(
            f"{type(model).__name__} with a vocabulary of {_width(model)}, and {MOST_WORDS} words "
            f"are the most that have a form"
        )


def _width(model: Any) -> int:
    return int(max(model.vocabulary_.values(), default=-1)) + 1


def _counts_of_one_row(model: Any, width: int) -> Any:
    """The graph for one text: its words, and how often each entry stands among them."""
    pattern = WORDS[model.token_pattern].format(_letters())
    pool = word_pool(model)
    shortest, longest = model.ngram_range
    filler: Any = [FILLER]
    nodes = [
        helper.make_node(
            "Tokenizer", ["text"], ["split"], domain=OF_ONNX_RUNTIME, tokenexp=pattern,
            mark=0, mincharnum=1, pad_value=FILLER,
        ),
        helper.make_node("Reshape", ["split", "flat"], ["words"]),
        # A text without any word is a row of no columns, which the next node refuses.
        helper.make_node("Concat", ["words", "filler"], ["filled"], axis=0),
        helper.make_node(
            "TfIdfVectorizer", ["filled"], ["counts"], mode="TF", max_skip_count=0,
            min_gram_length=shortest, max_gram_length=longest, pool_strings=pool.words,
            ngram_counts=pool.starts, ngram_indexes=pool.columns,
        ),
    ]  # fmt: skip
    return helper.make_graph(
        nodes,
        "counts_of_one_row",
        [helper.make_tensor_value_info("text", TensorProto.STRING, [1])],
        [helper.make_tensor_value_info("counts", TensorProto.FLOAT, [width])],
        [
            helper.make_tensor("flat", TensorProto.INT64, [1], [-1]),
            helper.make_tensor("filler", TensorProto.STRING, [1], filler),
        ],
    )


def word_pool(model: Any) -> WordPool:
    """Of a fitted vectorizer; raises NotConvertible where no entry can stand in a text."""
    shortest, longest = model.ngram_range
    stop_words = model.get_stop_words() or frozenset()
    entries = []
    for entry, column in model.vocabulary_.items():
        words = entry.split(" ")
        possible = shortest <= len(words) <= longest and all(map(_is_word, words))
        if possible and entry not in stop_words:
            entries.append((len(words), words, int(column)))

    entries.sort(key=lambda entry: (entry[0], entry[2]))
    if not entries or max(column for _, _, column in entries) != _width(model) - 1:
        raise NotConvertible("the last word of a vocabulary that never stands in a text")

    lengths = {length: list(group) for length, group in groupby(entries, lambda entry: entry[0])}
    starts: list[int] = []
    pool: list[str] = []
    for length in range(1, longest + 1):
        starts.append(len(pool))
        for _, words, _ in lengths.get(length, []):
            pool += words

    return WordPool(pool, starts, [column for _, _, column in entries])


def _is_word(word: str) -> bool:
    return word.replace("_", "a").isalnum()


@cache
def _letters() -> str:
    r"""The class of characters that Python's \w is, which RE2's is not beyond ASCII."""
    ranges: list[list[int]] = []
    for code in _codes_of_letters():
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])

    return "[" + "".join(f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in ranges) + "]"


def _codes_of_letters() -> Iterable[int]:
    return (code for code in range(0x110000) if _is_word(chr(code)))
