"""Past acts: what was in force, who answered a prediction, why an act was done."""
