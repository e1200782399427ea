"""tritonclient, unchanged: `python triton_client.py HOST:PORT MODEL < rows.json`, run in an
environment of its own. Prints what it was answered, by the way of asking.
"""

import json
import sys

import numpy as np
import tritonclient.http as triton

KINDS = {"FP64": np.float64, "INT64": np.int64, "BYTES": np.object_}


def main():
    """Ask in every way, and print one JSON object."""
    url, model = sys.argv[1:]
    rows = json.load(sys.stdin)
    client = triton.InferenceServerClient(url, network_timeout=60.0, connection_timeout=60.0)
    metadata = client.get_model_metadata(model)
    plain = {"inputs": inputs(rows, metadata, binary=False), "outputs": wanted(binary=False)}
    packed = {"inputs": inputs(rows, metadata, binary=True), "outputs": wanted(binary=True)}
    mixed = {"inputs": packed["inputs"], "outputs": plain["outputs"]}
    unasked = {"inputs": packed["inputs"]}
    floats = {**packed, "inputs": inputs(rows, metadata, binary=True, real=np.float32)}
    best = [triton.InferRequestedOutput("predict_proba", binary_data=True, class_count=2)]
    ways = {
        "json": plain,
        "binary": packed,
        "binary in, json out": mixed,
        "no output named": unasked,
        "gzip": {**packed, "request_compression_algorithm": "gzip"},
        "FP32": floats,
        "pinned": {**packed, "model_version": metadata["versions"][0]},
    }
    said = {name: answered(client, model, asked) for name, asked in ways.items()}
    classes = client.infer(model, packed["inputs"], outputs=best).as_numpy("predict_proba")
    print(
        json.dumps(
            {
                "live": client.is_server_live(),
                "ready": client.is_server_ready() and client.is_model_ready(model),
                "extensions": client.get_server_metadata()["extensions"],
                "columns": [column["name"] for column in metadata["inputs"]],
                "config": client.get_model_config(model)["name"],
                "index": client.get_model_repository_index(),
                "said": said,
                "classes": [[text.decode() for text in row] for row in classes],
                "refused": refused(client, model, packed["inputs"][:1]),
            }
        )
    )


def inputs(rows, metadata, binary, real=np.float64):
    """A tensor a column, of all rows."""
    tensors = []
    for column in metadata["inputs"]:
        kind = KINDS[column["datatype"]]
        datatype = column["datatype"]
        if datatype == "FP64" and real is np.float32:
            kind, datatype = np.float32, "FP32"

        values = np.array([[row[column["name"]]] for row in rows], dtype=kind)
        tensor = triton.InferInput(column["name"], list(values.shape), datatype)
        tensor.set_data_from_numpy(values, binary_data=binary)
        tensors.append(tensor)

    return tensors


def wanted(binary):
    """The one output."""
    return [triton.InferRequestedOutput("predict_proba", binary_data=binary)]


def answered(client, model, asked):
    """The probabilities, the version and the prediction's id."""
    result = client.infer(model, request_id="mine", **asked)
    response = result.get_response()
    return {
        "probabilities": result.as_numpy("predict_proba").tolist(),
        "version": response["model_version"],
        "id": response["id"],
        "prediction_id": response["parameters"]["prediction_id"],
    }


def refused(client, model, tensors):
    """What the client raises where a column is missing."""
    try:
        client.infer(model, tensors)
    except triton.InferenceServerException as error:
        return str(error)

    return ""


if __name__ == "__main__":
    main()
