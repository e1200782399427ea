"""The protocol's extensions, by the names that a server tells at /v2."""

OF_A_VERSION = ("binary_tensor_data", "classification", "model_configuration")
OF_A_ROUTER = tuple(sorted((*OF_A_VERSION, "model_repository", "statistics")))
