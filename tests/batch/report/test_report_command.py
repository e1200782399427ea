"""`predict --report`, as a user types it."""

from tests.batch.batch_harness import many_loans
from tests.batch.command_harness import PredictCommand, answer


def test_the_page_is_written_after_the_run_and_of_a_finished_run_alone(batch):
    bundle, public_key = batch.bundles("logistic")
    command = PredictCommand(batch.folder, bundle.parent, public_key)
    batch.write(many_loans(200))
    files = ("logistic", "--in", str(batch.inputs), "--out", str(batch.out))
    command.run(*files)
    page = batch.out / "_report.html"
    assert not page.exists()
    body = answer(command.run(*files, "--report", "--json"))
    assert (body["state"], body["report"]) == ("done", str(page))
    assert "<title>loans logistic: predictions</title>" in page.read_text()

    refused = command.run(*files, "--report", "--compare", code=2)
    assert "--report is about one version" in refused.err
    refused = command.run(*files, "--report", "--target", "heroku", code=2)
    assert "--compare and --report run on this machine" in refused.err
