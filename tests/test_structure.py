"""The shape of the code stays within its bounds, and the script that counts it counts right."""

from pathlib import Path

from scripts.structure import circles, structure


def test_the_code_is_within_its_bounds():
    found = structure()
    assert found.file_circles <= 2
    assert found.largest_folder <= 15
    assert found.repeated_class_names == 0
    assert found.function_median <= 7
    assert found.function_p90 <= 20
    assert found.paragraphed >= 0.3
    assert found.long_lines == 0


def test_circles_are_found_whatever_their_length():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set(), "e": {"f"}, "f": {"e"}}
    assert circles(graph) == [["a", "b", "c"], ["e", "f"]]


def test_what_is_counted(tmp_path: Path):
    for room in ("cli", "rollout"):
        (tmp_path / room).mkdir()

    (tmp_path / "cli" / "one.py").write_text(
        "from rollout import two\n\n\nclass Name:\n    pass\n\n\n"
        "def f(x):\n    y = 1 if x else 2\n\n    z = [y]\n"
        "    for _ in z:\n        pass\n    return z\n"
    )
    (tmp_path / "rollout" / "two.py").write_text(
        "import cli.one\n\n\nclass Name:\n    pass\n\n\ndef g(x):\n    return {y for y in x}\n"
    )
    found = structure(tmp_path)
    assert (found.files, found.file_circles, found.largest_folder) == (2, 1, 1)
    assert (found.repeated_class_names, found.paragraphed) == (1, 1.0)
    assert (found.function_median, found.long_lines) == (3.5, 0)
    assert round(found.ternaries_per_kloc * found.lines / 1000) == 1
    assert round(found.comprehensions_per_kloc * found.lines / 1000) == 1
