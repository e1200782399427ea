"""The ONNX form of a pipeline: converted in several ways, and certified by comparison."""
