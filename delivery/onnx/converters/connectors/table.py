"""The converters of this folder."""

CONVERTERS = {
    "delivery.onnx.connectors.Concatenate": "concatenate",
    "delivery.onnx.connectors.ToFloat32": "to_float32",
    "delivery.onnx.connectors.NullTexts": "null_texts",
    "delivery.onnx.connectors.SelectColumns": "select_columns",
    "delivery.onnx.connectors.Transformation": "transformation",
    "delivery.onnx.connectors.MultiplyByWeight": "multiply_by_weight",
}
