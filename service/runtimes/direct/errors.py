"""Why there is no direct form, or why it does not answer some rows."""


class NoDirectForm(Exception):
    """A pipeline or a step has no direct form; the message says why."""


class LeftToPipeline(Exception):
    """The direct form does not answer these rows: the pipeline itself answers or refuses them."""
