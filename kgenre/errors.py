"""The one error for faults that the user can repair."""


class KgenreError(Exception):
    """A fault in the input: one line that names the value, the rule and the next step.

    The command line prints the line and exits with 2; no traceback.
    """
