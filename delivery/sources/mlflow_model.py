"""Reads a model folder that MLflow saved, without MLflow: its pipeline, rows, types and code."""

import hashlib
import importlib
import importlib.util
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from delivery.errors import DeliveryError, first_line
from delivery.request import Report
from delivery.sources.mlflow_signature import columns_of_signature, typed_frame
from delivery.sources.pickle_file import PICKLES, load_pickle
from delivery.sources.skops_file import SUFFIX, load_skops
from service.runtimes.outputs import PREDICT

if TYPE_CHECKING:
    import pandas as pd

MLMODEL = "MLmodel"
# Its keys of the file with the model: that of scikit-learn first, those of boosted trees after it.
FLAVORS = {"sklearn": "pickled_model", "lightgbm": "data", "xgboost": "data"}
LARGEST_TEXT = 16 * 1024 * 1024
MOST_FILES = 10_000
FEW_ROWS = 100


@dataclass(frozen=True)
class MlflowModel:
    """A folder whose files are all its own. described: its file MLmodel."""

    folder: Path
    described: dict[str, Any]
    flavor: str

    @property
    def code(self) -> Path:
        """The folder of the modules that travel with it; it may be missing."""
        name = self._flavor.get("code") or self._python_function.get("code") or "code"
        return self._inside(name)

    @property
    def predict_method(self) -> str:
        """The method that MLflow itself would call."""
        return str(self._python_function.get("predict_fn") or PREDICT)

    @property
    def _flavor(self) -> dict[str, Any]:
        return dict(self.described["flavors"][self.flavor] or {})

    @property
    def _python_function(self) -> dict[str, Any]:
        return dict(self.described["flavors"].get("python_function") or {})

    def load(self, trusted: Sequence[str]) -> Any:
        """The fitted pipeline; raises DeliveryError. trusted: types that a skops file may hold."""
        _refuse_shadows(self.code)
        path = self._inside(str(self._flavor.get(FLAVORS[self.flavor]) or "model.pkl"))
        if not path.is_file():
            raise DeliveryError(f"{path}, which {MLMODEL} names as the model, is not there")

        if path.suffix == SUFFIX:
            return load_skops(path, trusted)

        if path.suffix in PICKLES:
            return load_pickle(path)

        return self._load_native(path)

    def example(self, label: str | None, report: Report) -> "pd.DataFrame":
        """The rows of the input example; raises DeliveryError where there are none to prove it."""
        frame = self._example()
        if label is not None and label not in frame.columns:
            raise DeliveryError(
                f"the input example of {self.folder} has no column {label!r}: give rows with it "
                f"by --sample FILE"
            )

        if len(frame) < FEW_ROWS:
            report(
                f"warning: only the {len(frame)} rows of the input example prove this version, "
                f"which is little: give --sample with thousands of rows it has not seen"
            )

        return frame

    def typed(self, frame: "pd.DataFrame", pipeline: Any) -> "pd.DataFrame":
        """A frame with the types of the signature; raises DeliveryError where they disagree."""
        signature = self.described.get("signature") or {}
        columns = columns_of_signature(signature.get("inputs"), self.folder / MLMODEL)
        return typed_frame(frame, columns, pipeline, self.folder / MLMODEL)

    def requirements(self) -> tuple[str, ...]:
        """The lines of requirements.txt, without comments and options of pip."""
        path = self._inside("requirements.txt")
        if not path.is_file():
            return ()

        lines = [line.strip() for line in _text(path).splitlines()]
        return tuple(line for line in lines if line and not line.startswith(("#", "-")))

    def digest(self) -> str:
        """SHA-256 of the names and the contents of all its files."""
        digest = hashlib.sha256()
        for path in _files(self.folder):
            name = path.relative_to(self.folder).as_posix()
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{name}\0{content}\n".encode())

        return digest.hexdigest()

    def _example(self) -> "pd.DataFrame":
        import pandas as pd

        info = self.described.get("saved_input_example_info") or {}
        path = self._inside(str(info.get("artifact_path") or "input_example.json"))
        if not path.is_file():
            raise DeliveryError(
                f"{self.folder} has no input example: give rows that it has not seen by --sample "
                f"(.parquet or .csv)"
            )

        try:
            given = json.loads(_text(path))
            if isinstance(given, dict) and "columns" in given:
                return pd.DataFrame(given["data"], columns=given["columns"])

            return pd.DataFrame(given["inputs"] if isinstance(given, dict) else given)
        except (ValueError, KeyError, TypeError) as error:
            raise DeliveryError(
                f"{path} is no table of rows ({first_line(error)}): give --sample with rows that "
                f"the model has not seen (.parquet or .csv)"
            ) from error

    def _load_native(self, path: Path) -> Any:
        """A boosted model in its library's own file, through its class for scikit-learn."""
        name = str(self._flavor.get("model_class") or "")
        module, _, class_name = name.rpartition(".")
        if self.flavor != "xgboost" or module != "xgboost.sklearn":
            raise DeliveryError(
                f"{path} holds {name or 'a model'} in {self.flavor}'s own form, which has no "
                f"scikit-learn interface: train {self.flavor}'s class for scikit-learn, such as "
                f"XGBClassifier, and save that"
            )

        try:
            model = getattr(importlib.import_module(module), class_name)()
            model.load_model(path)
        except Exception as error:
            raise DeliveryError(
                f"{path} cannot be loaded ({first_line(error)}): install {self.flavor} here"
            ) from error

        return model

    def _inside(self, name: str) -> Path:
        path = self.folder / name
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise DeliveryError(f"{self.folder / MLMODEL} names {name!r}, which is not inside it")

        return path


def is_mlflow_model(path: Path) -> bool:
    """Whether a path is a folder that MLflow saved."""
    return path.is_dir() and (path / MLMODEL).exists()


def read_mlflow_model(folder: Path) -> MlflowModel:
    """The model of a folder; raises DeliveryError, also for links, which may lead anywhere."""
    _files(folder)
    path = folder / MLMODEL
    try:
        described = yaml.safe_load(_text(path))
    except yaml.YAMLError as error:
        raise DeliveryError(f"{path} is not YAML: {first_line(error)}") from error

    flavors = described.get("flavors") if isinstance(described, dict) else None
    if not isinstance(flavors, dict):
        raise DeliveryError(f"{path} names no flavors: save the model again with MLflow")

    for flavor in FLAVORS:
        if flavor in flavors:
            return MlflowModel(folder, described, flavor)

    raise DeliveryError(
        f"{path} has the flavors {', '.join(map(str, flavors))}, and a version is a scikit-learn "
        f"pipeline: save it with mlflow.sklearn, or with mlflow.lightgbm or mlflow.xgboost from "
        f"their classes for scikit-learn"
    )


def _files(folder: Path) -> list[Path]:
    """All files of a folder, in order; raises DeliveryError for links, and for too many."""
    files = []
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            raise DeliveryError(f"{path} is a link, and may lead anywhere: copy the file itself")

        if path.is_file() and "__pycache__" not in path.parts:
            files.append(path)

    if len(files) > MOST_FILES:
        raise DeliveryError(f"{folder} has more than {MOST_FILES:,} files: is it a model's folder?")

    return files


def _text(path: Path) -> str:
    size = path.stat().st_size
    if size > LARGEST_TEXT:
        raise DeliveryError(
            f"{path} has {size:,} bytes, of which at most {LARGEST_TEXT:,} are read"
        )

    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DeliveryError(f"{path} is not UTF-8: {first_line(error)}") from error


def _refuse_shadows(code: Path) -> None:
    """Raise DeliveryError for code whose name an installed package has: which one would run?"""
    if not code.is_dir():
        return

    for path in sorted(code.iterdir()):
        name = path.stem if path.suffix == ".py" else path.name
        if name == "__pycache__" or not name.isidentifier():
            continue

        if _is_elsewhere(name, code):
            raise DeliveryError(
                f"{path} has the name of an installed module, {name}, and only one of them can be "
                f"imported: rename it, and save the model again"
            )


def _is_elsewhere(name: str, code: Path) -> bool:
    if name in sys.stdlib_module_names:
        return True

    spec = importlib.util.find_spec(name)
    if spec is None:
        return False

    paths = [spec.origin, *(spec.submodule_search_locations or [])]
    own = code.resolve()
    return any(path and not Path(path).resolve().is_relative_to(own) for path in paths)
