"""Read the git commit that a run uses, for the record of the run."""

from __future__ import annotations

import logging
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from touchline.errors import plain

log = logging.getLogger(__name__)

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# Users change these files of the checkout. The record has their content beside the commit.
_RECORDED_APART = (":!config.yaml", ":!labels.yaml", ":!prompts")
# More links than git follows from HEAD to a branch.
_MOST_LINKS = 5


@dataclass(frozen=True)
class Checkout:
    """The state of a git checkout.

    Attributes:
        commit: hash of the commit; None if the project is not a git checkout of its own.
        is_changed: whether files differ from the commit; None if git cannot tell.
    """

    commit: str | None = None
    is_changed: bool | None = None


def read_checkout(project: Path) -> Checkout:
    """Read the commit of the project, with git or else from git's files.

    Log the reason if the commit cannot be read.

    Args:
        project: the folder of the Snakefile.
    """
    project = project.resolve()
    if not (project / ".git").exists():
        log.warning(
            "run.json has no commit, because %s is not a git checkout. Cite the version, or run "
            "from a clone of the repository.",
            project,
        )
        return Checkout()
    commit, reason = _git(project, "rev-parse", "--verify", "HEAD")
    commit = commit or _commit_in_files(project / ".git")
    if commit is None:
        log.warning("run.json has no commit, because git cannot read it: %s.", reason)
        return Checkout()
    status = ("status", "--porcelain", "--untracked-files=no", "--", ".", *_RECORDED_APART)
    changes, reason = _git(project, *status)
    if changes is None:
        log.warning(
            "run.json does not say whether the checkout differs from commit %s, because git cannot "
            "tell: %s.",
            commit,
            reason,
        )
        return Checkout(commit)
    return Checkout(commit, bool(changes))


def _git(project: Path, *arguments: str) -> tuple[str | None, str]:
    """Run a git command in the checkout.

    Return its output, or None and the reason for the failure.
    """
    # A hook's or a user's variables may point at another repository.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    # Without these options, git may find another checkout around the project. It also refuses
    # another user's checkout, whose settings could run programs. That user's code runs here anyway.
    place = [f"--git-dir={project / '.git'}", f"--work-tree={project}"]
    try:
        done = subprocess.run(
            ["git", "-C", str(project), *place, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        return None, f"git cannot be run ({error.strerror})"
    if done.returncode:
        return None, plain(done.stderr).rstrip(".")
    return done.stdout.strip(), ""


def _commit_in_files(place: Path) -> str | None:
    """Read the commit of HEAD from git's own files. Return None if they do not have it.

    Args:
        place: the folder .git, or the .git file of a worktree or submodule, which names a folder.
    """
    if place.is_file():
        place = place.parent / _text(place).removeprefix("gitdir: ")
    common = place / (_text(place / "commondir") or ".")
    found = _text(place / "HEAD")
    for _ in range(_MOST_LINKS):
        if _COMMIT.fullmatch(found):
            return found
        name = found.removeprefix("ref: ")
        found = _text(place / name) or _text(common / name) or _packed(common, name)
    return None


def _packed(common: Path, name: str) -> str:
    """Return the commit of a ref from the file packed-refs, or "" if the file does not have the
    ref.
    """
    lines = (line.split(" ", 1) for line in _text(common / "packed-refs").splitlines())
    return next((words[0] for words in lines if words[1:] == [name]), "")


def _text(file: Path) -> str:
    """Return the text of a file, or "" if it cannot be read."""
    try:
        return file.read_text().strip()
    except (OSError, ValueError):
        return ""
