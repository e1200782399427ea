"""Exact ONNX forms of the boosted trees of other libraries, read from what those save."""
