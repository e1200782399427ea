"""Load by Locust, in an environment of its own: nothing here is imported by Sluice."""
