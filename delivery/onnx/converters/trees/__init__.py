"""Exact ONNX forms of models that are made of decision trees."""
