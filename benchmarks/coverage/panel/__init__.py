"""The panel's pipelines, a file a family."""
