"""Error answers."""

import msgspec

from router.problems import Problem, failed


def test_an_error_of_the_router_is_not_called_one_of_the_model():
    router, model = (
        msgspec.json.decode(failed().body()),
        msgspec.json.decode(Problem(500, "").body()),
    )
    assert (router["status"], router["title"]) == (500, "the router failed")
    assert model["title"] == "the model failed"
