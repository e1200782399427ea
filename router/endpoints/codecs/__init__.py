"""The ways in: each turns a body into rows, and predictions into its protocol's answer."""
