"""The page of a run: what it says, and that it needs nothing and runs nothing."""

import base64
import hashlib
import re
import shutil
import stat
from html.parser import HTMLParser

import msgspec
import numpy as np
import pytest
import yaml

from batch.errors import BatchError
from batch.report.job import ReportJob
from batch.report.write_report import write_report
from delivery.signatures import sign, signing_key
from service.bundle import verify_bundle
from service.distributions.bundle_distributions import read_distributions
from tests.batch.batch_harness import TypedHarness, many_loans
from tests.delivery.test_outputs import HELD_OUT


def reported(harness, name="logistic"):
    """The page of the harness's run."""
    bundle, public_key = harness.bundles(name)
    done = write_report(ReportJob(str(bundle), str(public_key), str(harness.out)), print)
    page = harness.out / "_report.html"
    assert done.page == str(page)
    return page.read_text()


class Tags(HTMLParser):
    """All tags with their attributes, and the text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def test_the_page_is_one_file_without_scripts_and_its_policy_allows_its_style_alone(batch):
    batch.write(many_loans(500))
    batch.run()
    html = reported(batch)
    parsed = Tags(html)
    names = {name for name, _ in parsed.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "a", "form"}
    for _, attributes in parsed.tags:
        assert not {"style", "src", "href", "srcset"} & attributes.keys()
        assert not [name for name in attributes if name.startswith("on")]

    (policy,) = [a["content"] for _, a in parsed.tags if a.get("http-equiv")]
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert stat.S_IMODE((batch.out / "_report.html").stat().st_mode) == 0o600


def test_rows_like_those_of_training_are_as_before(batch):
    batch.write(many_loans(3000))
    batch.run()
    text = Tags(reported(batch)).text
    assert "The predictions are distributed as on the held-out rows." in text
    assert "columns that moved 0 of 5" in text
    assert "moved" not in re.findall(r"income number (\w+)", text)
    assert "None: every row has a prediction." in text


def test_a_column_that_moved_comes_first_and_is_named(batch):
    frame = many_loans(3000)
    frame["age"] = frame["age"] + 200
    batch.write(frame)
    batch.run()
    text = Tags(reported(batch)).text
    assert "otherwise than in training: age" in text
    columns = text[text.index("Columns") :]
    assert columns.index("age whole number beyond what was seen") < columns.index("city")


@pytest.mark.parametrize("file", ["rows.csv", "rows.jsonl", "rows.parquet"])
def test_every_format_counts_the_same(batch, file):
    batch.write(many_loans(600), file)
    batch.run()
    html = reported(batch)
    shares = re.findall(r"in this run ([^<]*)</title>", html)
    assert len(shares) > 20
    if file != "rows.parquet":
        shutil.rmtree(batch.out)
        (batch.inputs / file).unlink()
        batch.write(many_loans(600))
        batch.run()
        assert re.findall(r"in this run ([^<]*)</title>", reported(batch)) == shares


def test_bad_rows_are_told_by_reason_without_the_values(batch):
    frame = many_loans(500)
    frame["age"] = frame["age"].astype(float)
    frame.loc[3:6, "age"] = [41.5, 42.5, 43.5, 44.5]
    frame.loc[8, "amount"] = np.inf
    batch.write(frame)
    batch.run()
    text = Tags(reported(batch)).text
    assert "column 'age': Expected `int`, got `float` 4 0.8" in text
    assert "column 'amount': … is no finite number 1" in text


def test_names_and_texts_are_escaped(batch):
    frame = many_loans(100)
    frame.loc[7, "city"] = "<script>alert(1)</script>"
    batch.write(frame)
    batch.run("strict")
    html = reported(batch, "strict")
    assert "<script" not in html


@pytest.mark.parametrize("name", ["grades", "price", "flags", "grade_odds"])
def test_classes_numbers_and_booleans_are_counted(batch, name):
    batch.write(many_loans(400))
    batch.run(name)
    text = Tags(reported(batch, name)).text
    assert re.search(r"(prediction|probability_\w+) prediction (as before|moved)", text)


@pytest.mark.parametrize("name", ["kinds", "two_numbers", "two_odds", "components"])
def test_outputs_of_every_form_are_counted_under_their_columns(batch, bundles_of, name):
    batch.bundles = bundles_of("tests.batch.output_recipes")
    batch.write(HELD_OUT)
    batch.run(name)
    html = reported(batch, name)
    for column in batch.output().column_names:
        assert f"<h3>{column} <small>prediction</small></h3>" in html

    assert "The predictions are distributed as on the held-out rows." in html


@pytest.mark.parametrize("name", ["rides", "nights", "digits", "prices", "visits"])
def test_columns_of_every_kind_are_counted_as_they_were_in_training(bundles_of, tmp_path, name):
    harness = TypedHarness(tmp_path, bundles_of("tests.delivery.typed_pipelines"))
    harness.write(harness.held_out(name), "rows.jsonl")
    assert harness.run(name).state == "done"
    html = reported(harness, name)
    known = read_distributions(verify_bundle(*harness.bundles(name)))
    assert known.columns
    for one in known.columns:
        assert f"<h3>{one.name} <small>" in html

    assert 'class="word marked"' not in html


def test_an_older_bundle_says_that_it_has_no_distributions(batch, tmp_path):
    bundle, public_key = batch.bundles("logistic")
    older = shutil.copytree(bundle, tmp_path / "older")
    (older / "distributions.json").unlink()
    manifest = yaml.safe_load((older / "release.yaml").read_text())
    del manifest["files"]["distributions.json"]
    raw = yaml.safe_dump(manifest).encode()
    (older / "release.yaml").write_bytes(raw)
    (older / "signature").write_bytes(sign(raw, signing_key(public_key.parent)))
    batch.bundles = lambda _name: (older, public_key)
    frame = many_loans(100)
    frame.loc[3, "amount"] = None
    batch.write(frame)
    assert batch.run().state == "done"
    text = Tags(reported(batch)).text
    assert "No distributions in this bundle: deliver it again" in text
    assert "column 'amount': Expected `float`, got `null`" in text


def test_a_run_of_another_bundle_or_without_success_is_refused(batch):
    batch.write(many_loans(50))
    batch.run("price")
    with pytest.raises(BatchError, match="predicted with another bundle of price"):
        reported(batch, "logistic")
    (batch.out / "_SUCCESS").unlink()
    with pytest.raises(BatchError, match="holds no finished run"):
        reported(batch, "price")


def test_changed_inputs_are_refused_by_name(batch):
    path = batch.write(many_loans(50))
    batch.run()
    batch.write(many_loans(60))
    with pytest.raises(BatchError, match="was changed since it was predicted") as caught:
        reported(batch)
    assert str(path) in str(caught.value)


def test_distributions_are_bounded_and_sum_to_the_rows_of_training(batch):
    bundle, public_key = batch.bundles("logistic")
    verified = verify_bundle(bundle, public_key)
    known = read_distributions(verified)
    assert known.columns_of == "training"
    assert {one.rows for one in known.columns} == {verified.manifest.training["rows"]}
    (answers,) = known.predictions.values()
    assert [one.rows for one in answers] == [verified.manifest.held_out_rows] * 2
    assert len(msgspec.json.encode(known)) < 20_000
