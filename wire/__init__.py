"""The HTTP server of router and service: gunicorn's ASGI worker with a fast path for hot URLs."""
