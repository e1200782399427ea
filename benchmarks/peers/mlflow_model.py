"""Saves a delivered pipeline as MLflow's model: `python mlflow_model.py MODEL.PKL FOLDER`, in the
peer's environment.
"""

import sys
from pathlib import Path

import joblib
import mlflow.sklearn


def main(pickle: Path, folder: Path) -> None:
    """Save it; what its server answers are the probabilities."""
    mlflow.sklearn.save_model(
        joblib.load(pickle),
        str(folder),
        pyfunc_predict_fn="predict_proba",
        pip_requirements=[],
        serialization_format="cloudpickle",
    )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
