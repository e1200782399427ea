"""What is measured: each set-up is a context that serves the flights' versions v1 and v2, 90/10, at
one URL.
"""
