"""HTTP at the front of router and service: gunicorn's asgi worker with a short way for the calls
that must be fast.
"""
