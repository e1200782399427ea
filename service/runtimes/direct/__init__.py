"""The direct form of a pipeline: its fitted steps without what scikit-learn repeats."""
