"""The fast path: which requests it answers, which it hands over, and that it mixes none up."""

import json
import logging
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.fake_connection import FakeConnection, FakeWorker
from tests.wire.messages import BROKEN, CHUNKED, GET, LARGEST_BODY, PATH, WHOLE, hot, lengths
from wire import fast_path
from wire.budget import SMALL_BYTES
from wire.fast_path import (
    LARGEST_HEAD,
    MOST_HEADERS,
    MOST_WAITING,
    SLOWEST_READER_S,
    HttpConnection,
)
from wire.read_turns import PIECE_BYTES

END = b"\r\n\r\n"
thorough = settings(deadline=None, max_examples=200)


HANDED_OVER = pytest.mark.parametrize("raw", (WHOLE | BROKEN).values(), ids=list(WHOLE | BROKEN))


def cuts(raw, most=300):
    """Where to cut: everywhere, or of a long request at its ends and here and there between."""
    return [
        at
        for at in range(1, len(raw))
        if len(raw) <= most or at < 100 or at % 97 == 0 or len(raw) - at < 100
    ]


# Requests that are answered here


def test_a_request_is_answered_with_status_date_length_and_the_handlers_headers(loop):
    fake = FakeConnection(loop, at_once=False).send(hot(b"abc"))
    fake.worker.asked[0].answer(200, [(b"x-one", b"1"), (b"x-two", b"2")], b"hello")
    told = (
        b"HTTP/1.1 200 OK\r\nx-one: 1\r\nx-two: 2\r\ndate: today\r\ncontent-length: 5\r\n\r\nhello"
    )
    assert fake.transport.sent == [told]
    assert fake.bodies == [b"abc"]


def test_the_handler_gets_headers_in_order_with_small_names_and_bare_values(loop):
    raw = (
        b"POST /hot HTTP/1.1\r\nHOST: x\r\nX-Empty:\r\nX-Blank:  \t \r\nX:\ta b \t\r\nx: "
        b"2\r\nContent-Length: 0\r\n\r\n"
    )
    expected = [
        (b"host", b"x"),
        (b"x-empty", b""),
        (b"x-blank", b""),
        (b"x", b"a b"),
        (b"x", b"2"),
        (b"content-length", b"0"),
    ]
    for at in range(1, len(raw)):
        fake = FakeConnection(loop).send(raw[:at], raw[at:])
        assert [asked.headers for asked in fake.worker.asked] == [expected], raw[:at]


@pytest.mark.parametrize("size", [0, 1, LARGEST_BODY])
def test_a_body_of_any_size_up_to_the_largest_is_answered_here(loop, size):
    fake = FakeConnection(loop).send(hot(b"a" * size))
    assert (fake.bodies, fake.other) == ([b"a" * size], None)


@pytest.mark.parametrize(
    "length", [b"2", b"02", b"0000000000000000000000000000002", b"2 \t", b"\t 2"]
)
def test_a_length_may_have_leading_zeros_and_blanks_around_it(loop, length):
    assert FakeConnection(loop).send(lengths(length) + hot(b"cd")).settle().bodies == [b"ab", b"cd"]


@pytest.mark.parametrize(
    ("status", "first"),
    [(503, b"HTTP/1.1 503 Service Unavailable"), (299, b"HTTP/1.1 299 "), (418, b"HTTP/1.1 418 ")],
)
def test_an_answer_may_have_any_status_and_no_body(loop, status, first):
    fake = FakeConnection(loop, at_once=False).send(hot())
    fake.worker.asked[0].answer(status, body=b"")
    assert fake.transport.sent == [first + b"\r\ndate: today\r\ncontent-length: 0\r\n\r\n"]
    assert fake.answers.statuses == [status]


def test_the_date_of_an_answer_is_that_of_its_moment(loop):
    fake = FakeConnection(loop).send(hot())
    fake.worker.date = b"date: tomorrow\r\n"
    fake.send(hot())
    assert [headers[b"date"] for headers in fake.answers.headers] == [b"today", b"tomorrow"]


# Bytes arrive as they like


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("turn", [True, False])
@pytest.mark.parametrize(
    "second", [hot(b"cd"), GET, BROKEN["two lengths"]], ids=["hot", "foreign", "broken"]
)
def test_two_requests_cut_anywhere_are_answered_as_if_sent_whole(loop, second, at_once, turn):
    raw = hot(b"ab") + second
    for at in range(1, len(raw)):
        fake = FakeConnection(loop, at_once=at_once).send(raw[:at])
        if turn:
            fake.settle()
        fake.send(raw[at:])
        fake.finish()
        handed_over = fake.other.raw if fake.other else b""
        expected = ([b"ab", b"cd"], b"") if second == hot(b"cd") else ([b"ab"], second)
        assert (fake.bodies, handed_over) == expected, raw[:at]
        assert fake.answers.bodies == expected[0]


def test_a_head_that_arrives_alone_does_not_lose_the_request_after_its_body(loop):
    head, _, body = hot(b"ab").partition(END)
    fake = FakeConnection(loop).send(head + END, body + hot(b"cd")).settle()
    assert fake.answers.bodies == [b"ab", b"cd"]


def test_a_body_in_many_pieces_is_put_together_and_what_follows_its_last_piece_is_kept(loop):
    head, _, body = hot(bytes(range(200))).partition(END)
    fake = (
        FakeConnection(loop)
        .send(head + END, *(body[i : i + 7] for i in range(0, 196, 7)), body[196:] + hot(b"cd"))
        .settle()
    )
    assert fake.bodies == [body, b"cd"]


REQUESTS = st.lists(
    st.one_of(
        st.binary(max_size=40).map(hot),
        st.binary(max_size=40).map(lambda body: b"\r\n" + hot(body, b"X-Filler: " + b"a" * 50)),
        st.sampled_from([GET, CHUNKED, hot(b"last", b"Connection: close")]),
    ),
    max_size=6,
)


def played(loop, raw, at, turns, at_once):
    """What came of these bytes, cut at these places, with turns of the loop after some of the
    pieces.
    """
    fake = FakeConnection(loop, at_once=at_once)
    ends = [0, *sorted(at), len(raw)]
    for start, end, turn in zip(ends, ends[1:], turns, strict=False):
        if fake.transport.closed:
            break
        fake.send(raw[start:end])
        if turn:
            fake.finish()

    fake.finish()
    asked = [(asked.headers, asked.body) for asked in fake.worker.asked]
    return (
        asked,
        fake.transport.sent,
        fake.transport.closed,
        fake.other and fake.other.raw,
        fake.worker.nr_conns,
    )


@thorough
@given(REQUESTS, st.data(), st.booleans())
def test_requests_in_a_row_cut_at_random_are_answered_as_if_sent_whole(
    loop, requests, data, at_once
):
    raw = b"".join(requests)
    at = data.draw(st.sets(st.integers(0, len(raw)), max_size=12))
    turns = data.draw(st.lists(st.booleans(), min_size=len(at) + 1, max_size=len(at) + 1))
    assert played(loop, raw, at, turns, at_once) == played(loop, raw, [], [False], at_once)


def test_empty_lines_before_a_request_are_skipped_whatever_it_is(loop):
    for raw, handed_over in ((hot(b"ab"), None), (GET, GET)):
        for pieces in ([b"\r\n\r\n\n" + raw], [b"\r", b"\n", raw], [b"\r\n", b"\r\n" + raw]):
            fake = FakeConnection(loop).send(*pieces).settle()
            assert (fake.other and fake.other.raw) == handed_over
            assert fake.bodies == ([] if handed_over else [b"ab"])


def test_empty_lines_alone_are_no_request(loop):
    fake = FakeConnection(loop).send(b"\r\n", b"\r\n\r\n")
    assert not fake.connection.begun
    fake.connection.close_if_idle()
    assert fake.transport.closed


# Requests that do not wait for the answer before


def test_answers_given_late_keep_the_order_of_their_requests(loop):
    fake = FakeConnection(loop, at_once=False).send(b"".join(hot(b"%d" % i) for i in range(20)))
    assert fake.bodies == [b"0"]
    fake.finish()
    assert fake.answers.bodies == [b"%d" % i for i in range(20)]


def test_thousands_of_requests_at_once_are_answered_without_recursion_and_parsed_once(
    loop, monkeypatch
):
    headers = 0

    class Counting(HttpConnection):
        def on_header(self, name, value):
            nonlocal headers
            headers += 1
            super().on_header(name, value)

    monkeypatch.setattr("tests.wire.fake_connection.HttpConnection", Counting)
    fake = FakeConnection(loop).send(b"".join(hot(b"%d" % i) for i in range(3000))).settle()
    assert fake.answers.bodies == [b"%d" % i for i in range(3000)]
    assert headers == 2 * 3000


def test_bytes_that_arrive_between_an_answer_and_the_next_turn_of_the_loop_wait_behind_those_before(
    loop,
):
    """Answers come from other connections' events, in the same turn in which the client's next
    bytes arrive.
    """
    fake = FakeConnection(loop, at_once=False).send(hot(b"1") + hot(b"2")[:-1])
    fake.answer().send(b"2" + hot(b"3")).finish()
    assert fake.answers.bodies == [b"1", b"2", b"3"]


def test_a_client_that_sends_more_than_it_is_answered_is_not_read_from_until_its_turn(loop):
    fake = FakeConnection(loop, at_once=False).send(hot(b"first"))
    piece, sent = hot(b"a" * 900) * 4, 0
    while fake.transport.reading:
        fake.send(piece)
        sent += 1

    assert MOST_WAITING < sent * len(piece) < MOST_WAITING + 2 * len(piece)
    fake.finish()
    assert fake.transport.reading
    assert fake.bodies == [b"first"] + [b"a" * 900] * 4 * sent


def test_a_client_that_does_not_read_has_no_further_request_begun_until_it_does(loop):
    fake = FakeConnection(loop).send(hot(b"1"))
    fake.connection.pause_writing()
    while fake.transport.reading:
        fake.send(hot(b"a" * 900))

    assert fake.settle().bodies == [b"1"]
    fake.connection.resume_writing()
    assert fake.settle().transport.reading
    assert len(fake.answers.bodies) > MOST_WAITING // 1000


def test_an_answer_that_clogs_the_connection_stops_the_requests_behind_it(loop):
    fake = FakeConnection(loop, at_once=False).send(hot(b"1") + hot(b"2") + GET)
    fake.connection.pause_writing()
    fake.answer()
    assert fake.settle().bodies == [b"1"]
    fake.connection.resume_writing()
    fake.finish()
    assert (fake.bodies, fake.other.raw) == ([b"1", b"2"], GET)


def test_reading_and_writing_again_with_nothing_to_do_changes_nothing(loop):
    fake = FakeConnection(loop)
    for _ in range(2):
        fake.connection.pause_writing()
        fake.connection.resume_writing()
    assert fake.send(hot(b"ab")).bodies == [b"ab"]


# Requests that are handed over


@HANDED_OVER
def test_what_is_not_for_a_door_is_handed_over_with_all_its_bytes_however_they_arrive(loop, raw):
    whole = raw + hot(b"next") + b"\0 garbage"
    for at in [len(whole), *cuts(whole)]:
        fake = FakeConnection(loop).send(whole[:at]).settle().send(whole[at:]).settle()
        assert fake.other is not None, whole[:at]
        assert fake.other.raw == whole, whole[:at]
        assert (fake.bodies, fake.transport.sent, fake.transport.closed) == ([], [], False)
        assert (fake.worker.nr_conns, fake.worker.connections) == (1, set())


@HANDED_OVER
def test_what_is_handed_over_after_an_answer_comes_without_what_was_answered(loop, raw):
    for at_once in (True, False):
        fake = FakeConnection(loop, at_once=at_once).send(hot(b"1") + hot(b"2") + raw + hot(b"3"))
        fake.finish()
        assert (fake.answers.bodies, fake.other.raw) == ([b"1", b"2"], raw + hot(b"3"))


def test_a_handed_over_connection_is_the_others_for_good(loop):
    fake = FakeConnection(loop).send(GET, hot(b"ab"))
    assert (fake.other.raw, fake.bodies, fake.other.transport) == (
        GET + hot(b"ab"),
        [],
        fake.transport,
    )
    fake.connection.close_if_idle()
    fake.connection.give_up(408, [], b"")
    fake.leave()
    assert fake.worker.nr_conns == 0


def test_a_head_as_large_as_may_be_is_answered_here_and_one_byte_more_is_not_however_it_arrives(
    loop,
):
    frame = len(hot(b"ab", b"X: ")) - len(b"ab")
    for more in (0, 1):
        raw = hot(b"ab", b"X: " + b"a" * (LARGEST_HEAD - frame + more))
        for at in [len(raw), *range(LARGEST_HEAD - 4, len(raw) + 1)]:
            fake = FakeConnection(loop).send(raw[:at], raw[at:]).settle()
            assert (fake.other is not None, fake.bodies) == (
                (True, []) if more else (False, [b"ab"])
            )


def test_as_many_headers_as_may_be_are_answered_here(loop):
    assert FakeConnection(loop).send(hot(b"ab", *[b"X: 1"] * (MOST_HEADERS - 2))).bodies == [b"ab"]


def test_an_app_without_hot_paths_gets_everything_the_long_way(loop):
    worker = FakeWorker()
    del worker.hot
    assert FakeConnection(loop, worker).send(hot()).other.raw == hot()


# The end of a connection


@pytest.mark.parametrize(
    "header", [b"Connection: close", b"connection: Close", b"Connection: keep-alive, close"]
)
def test_a_client_that_wants_to_close_is_closed_after_its_answer_and_what_it_sent_after_is_not_read(
    loop, header
):
    fake = FakeConnection(loop).send(hot(b"1", header) + hot(b"2")).settle()
    assert (fake.bodies, fake.transport.closed) == ([b"1"], True)
    assert fake.answers.headers[0][b"connection"] == b"close"


def test_a_connection_is_kept_and_does_not_say_so(loop):
    fake = FakeConnection(loop).send(hot(b"1", b"Connection: keep-alive")).send(hot(b"2")).settle()
    assert (fake.bodies, fake.transport.closed) == ([b"1", b"2"], False)
    assert b"connection" not in fake.answers.headers[0]


def test_a_worker_that_is_draining_says_close_also_to_those_who_asked_before(loop):
    fake = FakeConnection(loop, at_once=False).send(hot(b"1") + hot(b"2"))
    fake.worker.draining = True
    fake.finish()
    assert (fake.answers.bodies, fake.transport.closed) == ([b"1"], True)
    assert fake.answers.headers[0][b"connection"] == b"close"


def test_after_its_last_answer_a_connection_that_still_drains_begins_nothing(loop):
    fake = FakeConnection(loop, at_once=False).send(hot(b"1", b"Connection: close"))
    fake.send(hot(b"2") + GET)
    fake.connection.pause_writing()
    fake.answer()
    fake.connection.resume_writing()
    fake.settle().send(hot(b"3") * 1000)
    fake.connection.close_if_idle()
    fake.connection.give_up(408, [], b"")
    assert (fake.bodies, fake.answers.bodies, fake.other) == ([b"1"], [b"1"], None)


def test_a_handler_that_fails_is_answered_500_and_close(loop, caplog):
    def fail(*_):
        raise RuntimeError("as asked")

    worker = FakeWorker()
    worker.hot = {PATH: fail}
    with caplog.at_level(logging.ERROR, "sluice.wire"):
        fake = FakeConnection(loop, worker).send(hot(b"1") + hot(b"2")).settle()

    assert "as asked" in caplog.text
    assert (fake.answers.statuses, fake.transport.closed) == ([500], True)
    assert fake.answers.headers[0][b"connection"] == b"close"


@pytest.mark.parametrize("at_once", [True, False])
def test_a_handler_that_fails_after_its_answer_or_answers_after_it_failed_is_heard_once(
    loop, at_once
):
    worker = FakeWorker(at_once=at_once)
    answer = worker.hot[PATH]

    def answer_and_fail(*asked):
        answer(*asked)
        raise RuntimeError("as asked")

    worker.hot = {PATH: answer_and_fail}
    fake = FakeConnection(loop, worker).send(hot(b"1"))
    worker.asked[0].answer()
    fake.settle()
    assert fake.answers.statuses == ([200] if at_once else [500])


def test_a_second_answer_to_a_request_is_not_sent(loop):
    fake = FakeConnection(loop, at_once=False).send(hot(b"1"))
    fake.worker.asked[0].answer()
    fake.worker.asked[0].answer()
    assert fake.settle().answers.bodies == [b"1"]
    fake.send(hot(b"2"))
    fake.worker.asked[1].answer()
    assert fake.answers.bodies == [b"1", b"2"]


@pytest.mark.parametrize(
    "sent", [b"", b"POST /h", hot()[:-10], hot()[:-1], hot(), hot() + hot(), hot() + GET]
)
def test_a_client_that_leaves_at_any_moment_leaves_nothing_behind(loop, sent):
    fake = FakeConnection(loop, at_once=False)
    if sent:
        fake.send(sent)

    assert fake.worker.nr_conns == 1
    fake.leave()
    for asked in fake.worker.asked:
        asked.answer()

    fake.settle()
    fake.connection.close_if_idle()
    fake.connection.give_up(408, [], b"")
    assert (fake.worker.nr_conns, fake.worker.connections, fake.transport.sent) == (0, set(), [])


def test_a_connection_is_idle_only_between_requests(loop):
    fake = FakeConnection(loop, at_once=False)
    for sent in (b"P", hot()[1:], hot()):
        fake.send(sent)
        fake.connection.close_if_idle()
        assert not fake.transport.closed

    fake.finish()
    fake.connection.close_if_idle()
    assert fake.transport.closed


def test_a_request_that_is_given_up_is_answered_once_and_closed(loop):
    fake = FakeConnection(loop).send(hot()[:-1])
    for _ in range(2):
        fake.connection.give_up(408, [(b"x", b"y")], b"late")

    assert (fake.answers.statuses, fake.answers.bodies, fake.transport.ended) == (
        [408],
        [b"late"],
        True,
    )
    assert fake.answers.headers[0][b"connection"] == b"close"
    # What it still sends is thrown away; closed at once, it would see a reset and not the answer.
    assert fake.send(hot(b"x")[-1:] + hot()).settle().bodies == []
    assert not fake.connection.eof_received()
    fake.leave()
    assert (fake.worker.nr_conns, fake.worker.statuses) == (0, [408])


def test_a_request_that_is_being_answered_is_not_given_up(loop):
    fake = FakeConnection(loop, at_once=False).send(hot(b"ab"))
    fake.connection.give_up(408, [], b"late")
    fake.finish()
    assert (fake.answers.statuses, fake.transport.closed) == ([200], False)


def test_a_handler_that_fails_is_answered_with_problem_json_and_counted(loop):
    worker = FakeWorker(at_once=False)
    worker.hot = {PATH: lambda *_: 1 / 0}
    fake = FakeConnection(loop, worker).send(hot())
    assert fake.answers.headers[0][b"content-type"] == b"application/problem+json"
    assert (json.loads(fake.answers.bodies[0])["status"], worker.statuses) == (500, [500])


# A client that closes its side


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("requests", [1, 3])
def test_a_client_that_closes_its_side_after_its_requests_gets_all_answers_and_then_the_end(
    loop, at_once, requests
):
    fake = FakeConnection(loop, at_once=at_once).send(
        b"".join(hot(b"%d" % i) for i in range(requests))
    )
    kept_open = fake.connection.eof_received()
    assert kept_open or (at_once and requests == 1)
    fake.finish()
    assert fake.answers.bodies == [b"%d" % i for i in range(requests)]
    assert fake.transport.closed or not kept_open


@pytest.mark.parametrize("sent", [b"", b"POST /h", hot()[:-1]])
def test_a_client_that_closes_its_side_in_the_middle_of_a_request_is_closed(loop, sent):
    fake = FakeConnection(loop)
    if sent:
        fake.send(sent)
    assert not fake.connection.eof_received()


def test_a_request_that_is_cut_off_behind_one_that_is_answered_ends_the_connection(loop):
    fake = FakeConnection(loop, at_once=False).send(hot(b"1") + hot(b"2")[:-1])
    assert fake.connection.eof_received()
    fake.finish()
    assert (fake.answers.bodies, fake.transport.closed) == ([b"1"], True)


# Bytes under way


BUDGET = 256 * 1024
LARGE = SMALL_BYTES + 1


def half(size, more=10):
    """A request of which `more` bytes are still to come."""
    return (
        b"POST /hot HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (size + more) + b"a" * size
    )


def roomy():
    """A worker for large bodies and few of them."""
    worker = FakeWorker(at_once=False, most_bytes=BUDGET)
    worker.largest_body = BUDGET
    return worker


def test_bodies_under_way_are_bounded_and_the_oldest_unfinished_ones_give_way(loop):
    worker = roomy()
    fakes = [FakeConnection(loop, worker).send(half(LARGE)) for _ in range(20)]
    assert worker.budget.held <= BUDGET
    refused = [fake for fake in fakes if fake.answers.statuses]
    assert refused == fakes[: len(refused)]
    assert 0 < len(refused) < 20
    assert {fake.answers.headers[0][b"retry-after"] for fake in refused} == {b"1"}
    assert json.loads(refused[0].answers.bodies[0])["status"] == 503
    assert fakes[-1].send(b"a" * 10).bodies == [b"a" * (LARGE + 10)]
    for fake in fakes:
        fake.leave()

    assert (worker.budget.held, worker.statuses) == (0, [503] * len(refused))


def test_after_a_large_piece_a_connection_is_read_from_again_when_it_is_its_turn(loop):
    worker = roomy()
    fakes = [FakeConnection(loop, worker).send(half(PIECE_BYTES)) for _ in range(3)]
    assert [fake.transport.reading for fake in fakes] == [False] * len(fakes)
    turn_once(loop)
    assert [fake.transport.reading for fake in fakes] == [True, False, False]
    fakes[1].leave()
    turn_once(loop)
    turn_once(loop)
    assert [fake.transport.reading for fake in fakes] == [True, False, True]
    assert fakes[0].send(b"a" * 10).bodies == [b"a" * (PIECE_BYTES + 10)]


def test_a_small_piece_and_the_last_one_cost_no_turn(loop):
    worker = roomy()
    assert FakeConnection(loop, worker).send(half(PIECE_BYTES // 2)).transport.reading
    assert (
        FakeConnection(loop, worker)
        .send(half(0, PIECE_BYTES), b"a" * PIECE_BYTES)
        .transport.reading
    )


def test_what_a_refused_client_still_sends_is_read_in_turns_too(loop):
    worker = roomy()
    fakes = [FakeConnection(loop, worker).send(half(LARGE)) for _ in range(20)]
    refused = next(fake for fake in fakes if fake.connection.refused)
    for _ in fakes:
        turn_once(loop)

    assert refused.transport.reading
    assert not refused.send(b"a" * PIECE_BYTES).transport.reading
    turn_once(loop)
    assert refused.transport.reading


def turn_once(loop):
    """One round of the loop."""
    loop.call_soon(loop.stop)
    loop.run_forever()


def test_requests_that_are_being_answered_do_not_give_way_and_a_small_one_still_finds_room(loop):
    worker = roomy()
    for _ in range(2):
        FakeConnection(loop, worker).send(half(LARGE - 10), b"a" * 10)

    large, small = (
        FakeConnection(loop, worker).send(half(LARGE)),
        FakeConnection(loop, worker).send(half(100), b"a" * 10),
    )
    assert (large.answers.statuses, small.answers.statuses) == ([503], [])
    assert len(worker.asked) == 3
    for asked in worker.asked:
        asked.answer()

    assert (worker.budget.held, small.answers.statuses) == (0, [200])


def test_what_is_sent_ahead_is_counted_and_released(loop):
    worker = roomy()
    fake = FakeConnection(loop, worker).send(hot(b"1"))
    fake.send(hot(b"a" * 900) * 40)
    assert worker.budget.held > 36_000
    fake.finish()
    assert (len(fake.answers.bodies), worker.budget.held) == (41, 0)


def test_an_answer_that_is_not_read_is_counted_and_cut_off_after_a_while(loop, monkeypatch):
    worker, now = roomy(), 0.0
    fake = FakeConnection(loop, worker).send(hot(b"1"))
    monkeypatch.setattr(
        fake.connection, "loop", SimpleNamespace(time=lambda: now, call_soon=loop.call_soon)
    )
    fake.transport.unsent = 100_000
    fake.connection.pause_writing()
    assert worker.budget.held == 100_001
    now = SLOWEST_READER_S + 1
    fake.transport.unsent = 50_000
    fake.connection.close_slow_reader(now)
    assert not fake.transport.closed, "it reads, if slowly"
    fake.connection.close_slow_reader(now + SLOWEST_READER_S - 1)
    assert not fake.transport.closed
    fake.connection.close_slow_reader(now + SLOWEST_READER_S + 1)
    assert fake.transport.aborted


def test_a_connection_too_many_closes_the_one_that_waited_longest(loop):
    worker = FakeWorker()
    worker.most_conns = 2
    fakes = [FakeConnection(loop, worker) for _ in range(3)]
    assert [fake.transport.closed for fake in fakes] == [True, False, False]


def test_every_known_status_has_its_line():
    assert all(
        line.startswith(b"HTTP/1.1 %d " % status)
        for status, line in fast_path._STATUS_LINES.items()
    )
