"""A section whose benchmark was not run here stays as it stands on the page."""

import json

from benchmarks import report
from benchmarks.coverage import page as coverage_page

SPENT = {"connections": 64, "requests_s": 30_000, "microseconds": {"router": 25.0}}


def test_a_section_without_a_result_stays_and_the_others_are_written_anew(monkeypatch, tmp_path):
    page = tmp_path / "benchmarks.md"
    page.write_text(
        "# Benchmarks\n\nbefore\n\n## Predictions a second\n\nas measured\n\n### more\n\n"
        "## Where the time goes\n\n| v9 | 7 |\n\n## What a dyno holds\n\n| a |\n"
    )
    (tmp_path / "spent.json").write_text(json.dumps(SPENT))
    for name, path in {"PAGE": page, "RESULTS": tmp_path, "PICTURES": tmp_path}.items():
        monkeypatch.setattr(report, name, path)

    assert report.main() == 0
    text = page.read_text()
    assert text.startswith(report.HEAD)
    assert "## Predictions a second\n\nas measured\n\n### more\n\n## Where the time goes\n" in text
    assert "| router | 25.0 |" in text
    assert text.endswith("## What a dyno holds\n\n| a |\n")
    assert "v9" not in text
    assert report.main() == 0
    assert page.read_text() == text


def test_the_section_of_other_packages_is_written_alone(monkeypatch, tmp_path):
    page, result = tmp_path / "coverage.md", tmp_path / "boosters.json"
    page.write_text("# Which pipelines\n\n## Certified\n\n* a/b\n")
    booster = {"name": "xgboost/X", "runtime": "onnx", "reason": "", "wrong": 0, "refused": 3}
    other = {**booster, "name": "catboost/C", "runtime": "sklearn", "reason": "it has no form"}
    figures = {"pipelines": [booster, other], "certified": 1, "tried": 2, "wrong": 0}
    figures |= {"adversarial_rows": 4_000, "packages": {"xgboost": "3.2.0"}}
    result.write_text(json.dumps(figures))
    monkeypatch.setattr(coverage_page, "PAGE", page)
    monkeypatch.setattr(coverage_page, "RESULT", tmp_path / "none.json")
    monkeypatch.setattr(coverage_page, "RESULT_OF_BOOSTERS", result)
    for _ in range(2):
        assert coverage_page.main() == 0
        text = page.read_text()
        assert text.startswith("# Which pipelines\n\n## Certified\n\n* a/b\n\n## Other packages\n")
        assert "| catboost/C | sklearn | 0 | 3 | it has no form |\n| xgboost/X | onnx |" in text
        assert "1 of 2 certified, 0 of 4,000 adversarial rows wrong. xgboost 3.2.0." in text
