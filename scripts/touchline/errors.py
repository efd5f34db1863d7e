"""The one error that the user can fix."""


class InputError(Exception):
    """Something the user gave cannot be used.

    The message is one sentence a person can act on: what is wrong, where, and
    what to do. Scripts print it and exit with a non-zero status; anything else
    that is raised is a defect of ours and keeps its traceback.
    """


def plain(text: object, most: int = 300) -> str:
    """What a file, a name or a server says, fit for a sentence: one line, bounded, printable."""
    line = " ".join(str(text).split())
    line = "".join(letter if letter.isprintable() else "�" for letter in line)
    return line if len(line) <= most else f"{line[:most]}…"
