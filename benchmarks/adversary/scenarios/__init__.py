"""The adversary's traffic, one kind a file. Each function plays one rollout of one seed."""
