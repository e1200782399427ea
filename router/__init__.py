"""The data plane: splits, batches, mirrors, measures. It never decides."""
