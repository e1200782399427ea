"""Exports a version for machines where no server is: one signed folder that predicts by itself."""
