"""The signals of a verdict, one file each.

A new one needs a file here and its line in registry.py; its section (a class of
rollout/state/signal_settings.py, a field of VerdictConfig and a table of deploy.toml); its name at
the strategies that look at it (rollout/state/strategy.py); and, where it counts something new, a
counter in router/evidence/evidence_counters.py.
"""
