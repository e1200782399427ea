"""What is delivered: the pipeline, its sample, and the columns it was fitted on."""
