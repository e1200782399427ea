"""Python environments: what a model needs, whether it is installed here, and one of its own."""
