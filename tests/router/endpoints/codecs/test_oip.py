"""What an inference request counts in a judged rollout, and whose columns it means."""

import asyncio
import struct
from dataclasses import replace

import msgspec
import pytest

from rollout.settings import RouterSettings, Settings, Unit
from router.dispatch.upstream import Answer, Failure
from router.dispatch.version_pages import VersionPages
from router.endpoints.codecs.oip import OpenInference
from router.endpoints.codecs.signatures import Signatures
from router.endpoints.predict import Predict
from router.evidence.prediction_counters import Outcomes
from router.evidence.row_sample import RowSample
from router.problems import Problem
from router.requests.request_headers import RequestContext
from tests.router.fakes import DispatcherHarness, begun, deployed
from wire.oip.request import MOST_TENSORS
from wire.oip.signature import NamedTensor, TensorSignature

OTHER = {"v1": "v2", "v2": "v1"}
A_AND_B, B_AND_A, MORE = ("a", "b"), ("b", "a"), ("a", "b", "c")


class InferHarness:
    """The endpoint of infer before fake versions with these columns; None: one that is away."""

    def __init__(self, ledger, columns, **router):
        self.harness = DispatcherHarness(ledger, **router)
        for name, lane in self.harness.traffic.lanes.items():
            lane.pool.forward = _describing(columns[name])

        settings = Settings(model="toy", router=RouterSettings(**router))
        traffic = self.harness.traffic
        self.endpoint = Predict(
            settings,
            traffic,
            Outcomes(traffic.counts, b"key"),
            RowSample(8),
            None,
            lambda: False,
            codec=OpenInference("toy", settings.router.limits),
            signatures=Signatures(traffic, VersionPages(settings, traffic)),
        )
        self.answers = []

    async def infer(self, *inputs, unit=None):
        """Send one request, until its rows have left or it is answered."""
        before = len(self.answers) + self.sent
        headers = [(b"x-unit-id", unit)] if unit else []
        body = msgspec.json.encode({"inputs": list(inputs)})
        self.endpoint.answer(headers, body, lambda *answer: self.answers.append(answer))
        while len(self.answers) + self.sent == before:
            await asyncio.sleep(0)
            self.harness.loop.run()

    @property
    def sent(self):
        return sum(len(version.sent) for version in self.harness.versions.values())

    async def settle(self):
        """Run what waits, until nothing does."""
        while self.endpoint._tasks:
            await asyncio.sleep(0)
            self.harness.loop.run()


def _describing(columns):
    async def forward(*_):
        if columns is None:
            return Failure("connect", "it is away")

        inputs = [{"name": name, "datatype": "FP64", "shape": [-1, 1]} for name in columns]
        outputs = [{"name": "predict", "datatype": "FP64", "shape": [-1]}]
        return Answer(200, [], msgspec.json.encode({"inputs": inputs, "outputs": outputs}))

    return forward


def tensor(name, *values, shape=None):
    shape = shape or [len(values)]
    return {"name": name, "shape": shape, "datatype": "FP64", "data": list(values)}


def sent_rows(harness, version):
    """The rows of the first batch that a version has."""
    return harness.harness.versions[version].sent[0][0]


def played(play):
    return asyncio.run(play())


def test_values_by_position_are_the_columns_of_the_version_that_is_drawn():
    async def play():
        made = InferHarness(begun(deployed("v1", "v2")), {"v1": A_AND_B, "v2": B_AND_A})
        for version in ("v1", "v2"):
            await made.infer(
                tensor("x", 1.0, 2.0, shape=[1, 2]), unit=made.harness.unit_of(version)
            )

        return sent_rows(made, "v1"), sent_rows(made, "v2")

    assert played(play) == ([{"a": 1.0, "b": 2.0}], [{"b": 1.0, "a": 2.0}])


@pytest.mark.parametrize("inputs", ["by name", "by position"])
def test_what_only_the_candidate_refuses_counts_against_it(inputs):
    """A candidate that needs a further column must not look as if nobody had asked it."""
    given = {
        "by name": [tensor("a", 1.0), tensor("b", 2.0)],
        "by position": [tensor("x", 1.0, 2.0, shape=[1, 2])],
    }[inputs]

    async def play():
        made = InferHarness(begun(deployed("v1", "v2")), {"v1": A_AND_B, "v2": MORE})
        await made.infer(*given, unit=made.harness.unit_of("v2"))
        assert sent_rows(made, "v2") == [{"a": 1.0, "b": 2.0}]
        error = {"row": 0, "status": 422, "column": "c", "detail": "The row missing `c`"}
        made.harness.versions["v2"].answer([error])
        made.harness.loop.run()
        made.harness.versions["v1"].answer()
        return made.answers, made.harness.counted("v2").get("finished")

    answers, counted = played(play)
    assert counted == {"refused": 1}
    ((status, _, body),) = answers
    assert status == 400
    reasons = {
        "by name": "input 'c' is missing",
        "by position": "input 'x' has 2 columns: the model has 3, see its metadata",
    }
    assert msgspec.json.decode(body) == {"error": reasons[inputs]}


def test_what_no_version_would_take_is_refused_before_it_is_drawn():
    async def play():
        made = InferHarness(begun(deployed("v1", "v2")), {"v1": A_AND_B, "v2": MORE})
        both = [made.harness.unit_of(version) for version in ("v1", "v2")]
        for unit in both:
            await made.infer(tensor("x", 1.0, 2.0, shape=[1, 2]), unit=unit)

        drawn = dict(made.harness.traffic.drawn)
        await made.infer(tensor("a", 1.0), tensor("z", 2.0), unit=both[0])
        return made.answers[-1], drawn, made.harness.traffic.drawn

    (status, _, body), before, after = played(play)
    assert (status, after) == (400, before)
    assert msgspec.json.decode(body)["error"].startswith("there is no input 'z'")


def test_a_pair_is_made_of_an_inference_request():
    async def play():
        ledger = begun(deployed("v1", "v2"))
        made = InferHarness(ledger, dict.fromkeys(("v1", "v2"), A_AND_B))
        made.harness.traffic.pairs.per_s = made.harness.traffic.pairs_per_s = 1000.0
        begin = made.harness.traffic.pairs.begin
        begun_with = []

        def noted(rows, size, version):
            begun_with.append((list(map(bytes, rows)), version))
            return begin(rows, size, version)

        made.harness.traffic.pairs.begin = noted
        await made.infer(tensor("a", 1.0), tensor("b", 2.0), unit=made.harness.unit_of("v2"))
        return begun_with

    assert played(play) == [([b'{"a":1.0,"b":2.0}'], "v2")]


def test_where_no_version_tells_its_columns_names_are_sent_and_positions_refused():
    async def play():
        made = InferHarness(deployed("v1", "v2"), {"v1": None, "v2": None})
        await made.infer(tensor("a", 1.0))
        await made.infer(tensor("x", 1.0, 2.0, shape=[1, 2]))
        rows = sent_rows(made, "v1")
        made.harness.versions["v1"].sent[0] = ([0.5], made.harness.versions["v1"].sent[0][1])
        made.harness.versions["v1"].answer()
        await made.settle()
        return rows, made.answers

    rows, ((refused, _, reason), (status, headers, body)) = played(play)
    assert rows == [{"a": 1.0}]
    assert refused == 503
    assert "no version tells the order of its columns now" in reason.decode()
    assert status == 200
    (output,) = msgspec.json.decode(body)["outputs"]
    assert output == {"name": "predict", "shape": [1], "datatype": "FP64", "data": [0.5]}
    assert dict(headers)[b"x-prediction-id"]


@pytest.mark.parametrize(
    "inputs",
    [
        [tensor("user", 7.0), tensor("b", 0.0)],
        [tensor("user", [7.0], shape=[1, 1]), tensor("b", 0.0)],
        [tensor("x", 0.0, 7.0, 1.0, 2.0, shape=[2, 2])],
        [tensor("x", [0.0, 7.0], [1.0, 2.0], shape=[2, 2])],
    ],
)
def test_a_unit_in_a_column_is_found_wherever_that_column_is(inputs):
    async def play():
        columns = dict.fromkeys(("v1", "v2"), ("b", "user"))
        made = InferHarness(deployed("v1", "v2"), columns, unit=Unit(field="user"))
        units = []
        draw = made.harness.traffic.draw

        def noted(unit, *more):
            units.append(unit)
            return draw(unit, *more)

        made.harness.traffic.draw = noted
        await made.infer(*inputs)
        return units

    assert played(play) == [b"7"]


def read(body, **limits):
    """What the codec makes of a body."""
    settings = RouterSettings()
    codec = OpenInference("toy", replace(settings.limits, **limits))
    return codec.read(RequestContext(), body, [])


@pytest.mark.parametrize("tensors", [MOST_TENSORS + 1, 1_000_000])
def test_too_many_tensors_are_refused_before_they_are_made(tensors):
    body = b'{"inputs":[' + b",".join([b'{"name":"a","shape":[1]}'] * tensors) + b"]}"
    with pytest.raises(Problem, match=f"more than {MOST_TENSORS} tensors") as refused:
        read(body)
    assert refused.value.status == 413


@pytest.mark.parametrize(
    "data", [b"[" + b"1," * 1_200_000 + b"1]", b"[" + b"[1]," * 1_200_000 + b"[1]]"]
)
def test_too_many_values_are_refused_before_they_are_made(data):
    body = b'{"inputs":[{"name":"a","datatype":"INT8","shape":[1],"data":%b}]}' % data
    with pytest.raises(Problem, match="more than 1000000 values") as refused:
        read(body, max_row_bytes=1 << 30)
    assert refused.value.status == 413


def test_a_request_is_bounded_in_bytes_a_row():
    body = b'{"inputs":[{"name":"a","datatype":"BYTES","shape":[1],"data":["%b"]}]}' % (
        b"x" * 9_999
    )
    with pytest.raises(Problem, match="bytes a row are allowed") as refused:
        read(body, max_row_bytes=5_000)
    assert refused.value.status == 413
    assert len(read(body, max_row_bytes=20_000).rows(None)) == 1


def read_binary(codec, values, known, **more):
    """What the codec makes of one binary row of FP64; known: its versions' columns."""
    inputs = [
        {"name": name, "shape": [1], "datatype": "FP64", "parameters": {"binary_data_size": 8}}
        for name in values
    ]
    head = msgspec.json.encode({"inputs": inputs, **more})
    context = RequestContext()
    context.json_bytes = b"%d" % len(head)
    return codec.read(context, head + struct.pack(f"<{len(values)}d", *values.values()), known)


def of_columns(*names):
    """The signature of a version with these columns."""
    tensors = [NamedTensor(name, "FP64", [-1, 1]) for name in names]
    return TensorSignature(tensors, [NamedTensor("predict", "FP64", [-1])])


def test_a_binary_row_reads_the_same_however_often_its_head_came():
    codec = OpenInference("toy", RouterSettings().limits)
    versions = [of_columns("a", "b")]
    for number in range(4):
        call = read_binary(codec, {"a": number + 0.5, "b": -1.0}, versions)
        assert list(map(bytes, call.rows(None))) == [b'{"a":%.1f,"b":-1.0}' % (number + 0.5)]
        assert [tensor.name for tensor in call.request.inputs] == ["a", "b"]
        with pytest.raises(Problem, match="row 0, input 'b': an infinity is no value"):
            read_binary(codec, {"a": 1.0, "b": float("inf")}, versions)


def test_a_head_that_is_known_is_held_against_the_versions_of_the_time():
    codec = OpenInference("toy", RouterSettings().limits)
    before, after = [of_columns("a", "b")], [of_columns("a", "c")]
    for versions in (before, before, before, [*after, *before]):
        assert len(read_binary(codec, {"a": 1.0, "b": 2.0}, versions).rows(None)) == 1

    with pytest.raises(Problem, match="there is no input 'b'"):
        read_binary(codec, {"a": 1.0, "b": 2.0}, after)


@pytest.mark.parametrize("length", [b"5000", b"99999999", b"-1", b"x"])
def test_a_wrong_length_is_refused_whatever_head_is_known(length):
    codec = OpenInference("toy", RouterSettings().limits)
    for _ in range(3):
        read_binary(codec, {"a": 1.0}, [of_columns("a")])

    context = RequestContext()
    context.json_bytes = length
    with pytest.raises(Problem, match="the length of the JSON in bytes"):
        codec.read(context, b"{}", [of_columns("a")])
