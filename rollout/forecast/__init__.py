"""How long a rollout is likely to take at the traffic that is there, and the steps that suit it."""
