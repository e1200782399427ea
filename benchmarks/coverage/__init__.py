"""How many pipelines get a certified ONNX form, and whether any is answered wrongly."""
