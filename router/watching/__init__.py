"""The operator's page: what is read for it, its sections and charts, and the endpoint."""
