"""A delivered version of toy loans, and its export as everybody gets it."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from delivery.recipe import Recipe
from delivery.signatures import sign, signing_key
from environments.installer import installer_environment
from export.export import Exported, export_version
from export.onnxruntime_web import ENTRY, VERSION
from export.request import ExportRequest
from service.bundle_files import MANIFEST, SIGNATURE
from tests.delivery.delivery_harness import DeliveryHarness
from tests.delivery.loan_pipelines import loans

ROOT = Path(__file__).parents[2]
# Kept from run to run, as a user's are.
CACHE = ROOT / "var" / "onnxruntime-web"
RECIPE = "from tests.export.export_harness import gaps as build\n"
OLDER = "1.22.0"
# What others verify with; as published it does not name one of its packages, pyopenssl.
OTHERS = ("model-signing==1.1.1", "pyopenssl", f"onnxruntime=={OLDER}")
# Of Node: compile WebAssembly once and plainly; the runtime is large, and the models are not.
QUICKLY = "--liftoff-only"
NODE_MISSING = "Node or npm is missing: `make system` installs them (root, Debian)"


def frame(seed: int) -> pd.DataFrame:
    """Loans with a column of every kind: nulls among texts and whole numbers, and narrow ones."""
    made = loans(seed)
    chance = np.random.default_rng(seed)
    made["grade"] = pd.Series(chance.choice(["a", "b", None], len(made)), dtype=object)
    made["years"] = pd.array(chance.integers(0, 40, len(made)), dtype="Int64")
    made.loc[::7, "years"] = pd.NA
    made["children"] = chance.integers(0, 5, len(made)).astype(np.int8)
    return made


def gaps() -> Recipe:
    """Three classes with names, as classes and as probabilities."""
    constant = SimpleImputer(strategy="constant", fill_value="none", missing_values=None)
    columns = ColumnTransformer(
        [
            ("numbers", "passthrough", ["amount", "age", "member", "children"]),
            ("gaps", SimpleImputer(), ["income", "years"]),
            ("names", OneHotEncoder(handle_unknown="ignore"), ["city"]),
            ("grades", make_pipeline(constant, OneHotEncoder(handle_unknown="ignore")), ["grade"]),
        ]
    )
    training, held_out = frame(1), frame(2)
    pipeline = make_pipeline(columns, LogisticRegression(max_iter=50))
    pipeline.fit(training, _kind(training))
    return Recipe(
        pipeline, held_out, _kind(held_out), ("predict_proba", "predict"), training=training
    )


def _kind(made: pd.DataFrame) -> pd.Series:
    return pd.cut(
        made["amount"], [0, 1000, 2500, np.inf], labels=["small", "usual", "large"]
    ).astype(object)


def require_node() -> None:
    """Skip where there is no Node, or nothing that fetches onnxruntime-web."""
    whole = (CACHE / VERSION / ENTRY).exists()
    if shutil.which("node") is None or not (whole or shutil.which("npm")):
        pytest.skip(NODE_MISSING)


def other_programs() -> Path:
    """The programs of an environment of OTHERS, made where it is missing."""
    folder = ROOT / "var" / "test-environments" / "-".join(map(str, OTHERS)).replace("==", "-")
    if not (folder / "whole").exists():
        _uv("venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
        _uv("pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *OTHERS)
        (folder / "whole").touch()

    return folder / "bin"


def _uv(*words: str) -> None:
    import uv

    environ = installer_environment()
    done = subprocess.run(
        [uv.find_uv_bin(), *words], env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"packages of others are missing: {done.stderr.strip()[-200:]}")


@dataclass
class ExportHarness:
    """A folder with releases, keys and exports."""

    delivery: DeliveryHarness
    reported: list[str] = field(default_factory=list)

    def request(self, version: str, folder: str, **more: Any) -> ExportRequest:
        """What to export, with everything in this folder."""
        delivery = self.delivery
        return ExportRequest(
            delivery.releases / version, delivery.folder / folder, delivery.keys, CACHE, **more
        )

    def export(self, version: str, folder: str, **more: Any) -> Exported:
        """Export it."""
        return export_version(self.request(version, folder, **more), self.reported.append)

    def resign(self, version: str, name: str, change: Callable[[dict[str, Any]], None]) -> None:
        """Make another version of a bundle, with a manifest that is changed and signed again."""
        folder = self.delivery.releases / name
        shutil.copytree(self.delivery.releases / version, folder)
        manifest = yaml.safe_load((folder / MANIFEST).read_bytes())
        manifest["version"] = name
        change(manifest)
        raw = yaml.safe_dump(manifest, allow_unicode=True).encode()
        (folder / MANIFEST).write_bytes(raw)
        (folder / SIGNATURE).write_bytes(sign(raw, signing_key(self.delivery.keys)))


def python_runner(
    folder: Path, *words: str, rows: str | bytes = "", python: str = sys.executable
) -> tuple[int, str]:
    """The runner in Python, and rows for it: exit code and what it says."""
    return _ran([python, "-I", str(folder / "python" / "edge_model.py"), *words], rows)


def node_runner(
    folder: Path, *words: str, rows: str | bytes = "", runtime: Path | None = None
) -> tuple[int, str]:
    """The runner in Node. runtime: another module than onnxruntime-web's own entry."""
    entry = str(runtime or CACHE / VERSION / ENTRY)
    return _ran(
        [
            "node",
            "--no-warnings",
            QUICKLY,
            str(folder / "web" / "predict.js"),
            "--onnxruntime",
            entry,
            *words,
        ],
        rows,
    )


def _ran(command: list[str], rows: str | bytes) -> tuple[int, str]:
    given = rows.encode() if isinstance(rows, str) else rows
    done = subprocess.run(command, capture_output=True, timeout=300, input=given, check=False)
    return done.returncode, (done.stdout + done.stderr).decode().strip()
