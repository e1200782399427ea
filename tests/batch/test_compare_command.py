"""`predict v1 v2 --compare`, as a user types it."""

import pytest

from tests.batch.batch_harness import many_loans
from tests.batch.command_harness import PredictCommand, answer


@pytest.fixture
def command(batch):
    """The command over the harness's inputs."""
    for name in ("logistic", "trees", "strict"):
        bundle, public_key = batch.bundles(name)

    return PredictCommand(batch.folder, bundle.parent, public_key)


def test_both_versions_predict_and_the_summary_is_printed(batch, command):
    batch.write(many_loans(400))
    files = ("--in", str(batch.inputs), "--out", str(batch.out))
    said = command.run("logistic", "trees", "--compare", *files, "--keep", "id").out
    assert "trees against logistic over 400 rows: " in said
    assert "  furthest apart\n" in said
    assert "  for whom (all rows: " in said
    assert f"rows that differ (tolerance 1e-06): {batch.out}/differences" in said
    assert "latency" not in said

    body = answer(command.run("logistic", "trees", "--compare", *files, "--keep", "id", "--json"))
    assert (body["act"], body["differences"]["rows"]) == ("predict", 400)
    assert 0 < body["differences"]["share"] < 1
    other = answer(
        command.run(
            "logistic", "trees", "--compare", *files, "--keep", "id", "--tolerance", "1", "--json"
        )
    )
    assert other["written"] == other["differences"]["flips"] < body["written"]


def test_a_version_with_too_many_bad_rows_is_named_and_nothing_is_compared(batch, command):
    frame = many_loans(100)
    frame.loc[:20, "city"] = "Atlantis"
    batch.write(frame)
    files = ("--in", str(batch.inputs), "--out", str(batch.out))
    done = command.run("logistic", "strict", "--compare", *files, code=1)
    assert "nothing to compare: strict did not predict all files" in done.out
    assert "--max-bad allows" in done.out
    assert not (batch.out / "differences").exists()
    command.run("logistic", "strict", "--compare", *files, "--max-bad", "50%")
    assert (batch.out / "differences" / "rows.parquet").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("logistic", "trees"), "name one version, such as v2; with --compare two"),
        (("logistic", "--compare"), "--compare takes two versions: the one to compare with"),
        (("logistic", "logistic", "--compare"), "takes two versions, and both are logistic"),
        (("logistic", "trees", "--compare", "--format", "xml"), "--format is one of parquet"),
    ],
)
def test_other_words_are_refused(batch, command, words, message):
    batch.write(many_loans(10))
    done = command.run(*words, "--in", str(batch.inputs), "--out", str(batch.out), code=2)
    assert message in done.err
    assert not batch.out.exists()
