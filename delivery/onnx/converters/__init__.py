"""Converters of scikit-learn's steps into ONNX graphs that compute in double."""
