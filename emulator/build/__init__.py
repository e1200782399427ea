"""From a source to a slug and a release."""
