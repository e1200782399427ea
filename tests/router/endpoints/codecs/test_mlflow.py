"""MLflow's forms and CSV as rows: values stay as they were sent."""

from dataclasses import replace

import msgspec
import pytest

from rollout.settings import Limits
from router.endpoints.codecs.csv_table import CsvInvocations
from router.endpoints.codecs.mlflow import Invocations
from router.problems import Problem
from router.requests.request_headers import RequestContext
from wire.oip.signature import NamedTensor, TensorSignature

KINDS = {"amount": "FP64", "age": "INT64", "member": "BOOL", "city": "BYTES"}
SIGNATURE = TensorSignature([NamedTensor(name, kind, [-1, 1]) for name, kind in KINDS.items()])
EXACT = '{"amount": 0.1, "age": 9007199254740993, "member": null, "city": "Tromsø"}'
VALUES = '[0.1, 9007199254740993, null, "Tromsø"]'


def rows(body, codec=Invocations, signature=SIGNATURE, **limits):
    """The rows of a body, decoded."""
    made = codec("toy", replace(Limits(), **limits))
    sent = body if isinstance(body, bytes) else body.encode()
    call = made.read(RequestContext(), sent, [signature])
    return [msgspec.json.decode(row) for row in call.rows(signature)]


@pytest.mark.parametrize(
    "body",
    [
        f'{{"dataframe_records": [{EXACT}]}}',
        f'{{"instances": [{EXACT}]}}',
        f'{{"inputs": [{EXACT}]}}',
        f'{{"instances": [{VALUES}]}}',
        f'{{"inputs": [{VALUES}]}}',
        f'{{"dataframe_split": {{"data": [{VALUES}]}}}}',
        f'{{"dataframe_split": {{"columns": [0, 1, 2, 3], "data": [{VALUES}]}}}}',
        '{"dataframe_split": {"columns": ["city", "age", "amount", "member"], "index": ["a"],'
        ' "data": [["Tromsø", 9007199254740993, 0.1, null]]}, "params": {}}',
        '{"inputs": {"city": ["Tromsø"], "age": [9007199254740993], "amount": [0.1],'
        ' "member": [null]}, "params": null}',
    ],
)
def test_each_form_is_the_same_row_to_the_last_digit(body):
    assert rows(body) == [msgspec.json.decode(EXACT)]


def test_values_alone_are_those_of_the_only_column():
    only = TensorSignature([NamedTensor("text", "BYTES")])
    assert rows('{"instances": ["a", "b"]}', signature=only) == [{"text": "a"}, {"text": "b"}]


def test_a_list_of_numbers_is_a_value_where_columns_have_names():
    body = '{"inputs": {"vector": [[1, 2], [3, 4]]}}'
    assert rows(body) == [{"vector": [1, 2]}, {"vector": [3, 4]}]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{}", "has 0 of the forms"),
        ('{"inputs": [], "instances": [1]}', "has 2 of the forms"),
        ('{"instances": null}', "has 0 of the forms"),
        ('{"instances": []}', "is empty"),
        ('{"inputs": {}}', "is empty"),
        ('{"instances": [[1], [1, 2]]}', "row 1 has 2 values for 1 columns"),
        ('{"instances": [[1], {"a": 1}]}', "not"),
        ('{"instances": [1], "params": {"a": 1}}', "`params` are not taken"),
        ('{"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}}', "'a' is given twice"),
        (
            '{"inputs": {"a": [1, 2], "b": [1, 2], "c": [1]}}',
            "'c' .* 1 values and column 'b' has 2",
        ),
        ('{"inputs": {"a": [1], "b": []}}', "column 'b' of `inputs` has 0 values"),
        ('{"inputs": {"a": [1], "b": 1}}', "column 'b' of `inputs` is no list"),
        ('{"inputs": {"a": [1], "b": "xy"}}', "column 'b' of `inputs` is no list"),
        ('{"inputs": {"a": [1], "b": {"0": 1}}}', "column 'b' of `inputs` is no list"),
        (
            '{"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2], [1]]}}',
            "row 1 has 1 values for 2 columns: column 'b' has none",
        ),
        ('{"dataframe_split": {"columns": ["a", 1], "data": [[1, 2]]}}', "a name is a string"),
        ('{"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}', "row 0 has 2 values"),
        ('{"instances": [NaN]}', "is not JSON: send null"),
        ('{"instances": [1], "other": 2}', "unknown field"),
        (b'{"instances": ["\xff"]}', "not UTF-8"),
        ('{"instances": ' + "[" * 100_000 + "]" * 100_000 + "}", "not such JSON"),
    ],
)
def test_what_has_no_rows_is_refused_with_the_reason(body, reason):
    with pytest.raises(Problem, match=reason) as refused:
        rows(body)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"instances": [[1], [2], [3]]}', "3 rows in one request: at most 2"),
        ('{"dataframe_records": [{}, {}, {}]}', "3 rows in one request: at most 2"),
        ('{"inputs": [[' + "1," * 1_000_001 + "1]]}", "more than 1000000 values"),
        (
            '{{"inputs": {{"{}": [{}]}}}}'.format("a" * 40_000, ",".join(["1"] * 1_000)),
            "names are too long",
        ),
    ],
)
def test_a_table_is_bounded(body, reason):
    most = 2 if "at most 2" in reason else 10_000
    with pytest.raises(Problem, match=reason) as refused:
        rows(body, max_rows=most)
    assert refused.value.status == 413


HEAD = "amount,age,member,city\n"


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ("0.1,41,true,Oslo", [0.1, 41, True, "Oslo"]),
        (" 1e3 ,+7,FALSE,7", [1000.0, 7, False, "7"]),
        (",,,", [None, None, None, None]),
        ("NA,null,None,null", [None, None, None, "null"]),
        ("nan,9007199254740993,,NA", [None, 9007199254740993, None, "NA"]),
        ('.5,3.0,True,"a, ""b"""', [0.5, 3.0, True, 'a, "b"']),
        ("far,1e,maybe,x", ["far", "1e", "maybe", "x"]),
        ("1e999,inf,1,x", ["1e999", "inf", "1", "x"]),
    ],
)
def test_a_cell_is_read_by_the_kind_of_its_column(line, row):
    assert rows(HEAD + line, CsvInvocations) == [dict(zip(KINDS, row, strict=True))]
    assert rows("\ufeff" + HEAD.replace("\n", "\r\n") + line + "\r\n\r\n", CsvInvocations) == [
        dict(zip(KINDS, row, strict=True))
    ]


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ("", 400, "the body is empty"),
        (HEAD, 400, "there are no rows"),
        ("a,b,a\n1,2,3", 400, "column 'a' is given twice"),
        ("a,b\n1", 400, "row 0 has 1 values for 2 columns: column 'b' has none"),
        ("a\n1,2", 400, "row 0 has 2 values for 1 columns: send one value a column"),
        ('a\n"1', 400, "not CSV"),
        ("a\n" + "x" * 200_000, 400, "not CSV"),
        (b"a\n\xff", 400, "not UTF-8"),
        ("a\n" + "1\n" * 3, 413, "more than 2 rows"),
    ],
)
def test_csv_that_is_no_table_is_refused(body, status, reason):
    with pytest.raises(Problem, match=reason) as refused:
        rows(body, CsvInvocations, max_rows=2)
    assert refused.value.status == status
