"""The Open Inference Protocol's tensors as rows, and predictions as its answers.

A version answers its own /v2 with it, and the router takes the same requests to its lanes.
https://github.com/kserve/open-inference-protocol, with Triton's binary tensor data extension."""
