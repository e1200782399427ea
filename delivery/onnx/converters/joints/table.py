"""The converters of this folder."""

CONVERTERS = {
    "delivery.onnx.joints.Join": "join",
    "delivery.onnx.joints.Narrow": "narrow",
    "delivery.onnx.joints.NullTexts": "null_texts",
    "delivery.onnx.joints.Select": "select",
    "delivery.onnx.joints.Transformation": "transformation",
    "delivery.onnx.joints.Weigh": "weigh",
}
