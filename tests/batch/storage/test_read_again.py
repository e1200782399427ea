"""`predict --compare` and `--report` at an address give what they give on this machine's disk."""

from tests.batch.batch_harness import many_loans
from tests.batch.command_harness import PredictCommand, answer
from tests.batch.storage.test_addresses import stored


def test_a_comparison_and_a_page_at_an_address_are_those_of_a_disk(batch, bucket):
    for name in ("logistic", "trees"):
        bundle, public_key = batch.bundles(name)

    frame = many_loans(300)
    frame.loc[7, "amount"] = None
    batch.write(frame)
    command = PredictCommand(batch.folder, bundle.parent, public_key)
    both = ("logistic", "trees", "--compare", "--in", str(batch.inputs), "--json", "--out")
    here = answer(command.run(*both, str(batch.out)))
    there = answer(command.run(*both, f"{bucket}/out/"))
    assert there["out"] == f"{bucket}/out"
    assert here["differences"] == there["differences"]
    objects = stored(f"{bucket}/out")
    for name in ("differences/rows.parquet", "predictions/trees/_bad_rows.jsonl", "_SUCCESS"):
        assert objects[name] == (batch.out / name).read_bytes(), name
    assert not [name for name in objects if "_parts" in name]
    assert answer(command.run(*both, f"{bucket}/out")) == there

    run = f"{bucket}/out/predictions/trees"
    alone = ("trees", "--in", str(batch.inputs), "--format", "parquet", "--report", "--json")
    body = answer(command.run(*alone, "--out", run))
    assert body["report"] == f"{run}/_report.html"
    page = stored(run)["_report.html"].decode()
    assert "<title>loans trees: predictions</title>" in page
    assert "amount" in page
