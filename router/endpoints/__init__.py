"""What a client may ask for: predictions, feedback, the Open Inference Protocol, the operator's
pages.
"""
