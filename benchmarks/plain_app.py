"""The plain set-up's service, as most tutorials write it: Flask, the pickled pipeline, one pandas
frame a request.

BUNDLE names the folder of a delivered version. GAPS: its rows have nulls.
"""

import os
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from flask import Flask, Response, jsonify, request


def create_app() -> Flask:
    """The app with its pipeline loaded."""
    pipeline = joblib.load(Path(os.environ["BUNDLE"]) / "model.pkl")
    has_gaps = bool(os.environ.get("GAPS"))
    app = Flask("plain")

    @app.post("/predict")
    def predict() -> Response:
        frame = pd.DataFrame(request.get_json()["instances"])
        if has_gaps:
            # A null of JSON is None in a frame, which an imputer of texts does not fill in.
            frame = frame.fillna(np.nan)

        return jsonify(predictions=pipeline.predict_proba(frame).tolist())

    @app.get("/health")
    def health() -> Response:
        return jsonify(ok=True)

    return app
