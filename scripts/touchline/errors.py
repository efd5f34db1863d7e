"""The one error that is the user's to mend."""


class InputError(Exception):
    """Something the user gave cannot be used.

    The message is one sentence a person can act on: what is wrong, where, and
    what to do. Scripts print it and exit with a non-zero status; anything else
    that is raised is a defect of ours and keeps its traceback.
    """
