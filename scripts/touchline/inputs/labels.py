"""Mapping from a model's own word for an event to the name of a class."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_lowercase
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError

from touchline.core.records import Record
from touchline.errors import InputError, nearest, nearest_file, plain

Key = Annotated[str, Field(pattern="^[a-zA-Z]$", description="a letter")]


class LabelClass(Record):
    """A class in labels.yaml: its other spellings, and its keyboard key on the review page."""

    spellings: list[str] = Field(default_factory=list)
    key: Key | None = None


class LabelFile(Record):
    """The content of labels.yaml.

    The file has each class with its other spellings, words that are no class, and words that
    confirm an event of a class.
    """

    classes: dict[str, list[str] | LabelClass]
    not_classes: dict[str, str] = Field(default_factory=dict)
    confirmed_by: dict[str, list[str]] = Field(default_factory=dict)


class Labels:
    """The classes of events, which can be looked up by any spelling.

    Attributes:
        classes: names of the classes, in the file's order.
        keys: the letter that adds an event on a page, by class. If there are more than 26 classes,
            some have no letter.
    """

    def __init__(
        self,
        classes: Mapping[str, Sequence[str]],
        not_classes: Mapping[str, str] | None = None,
        confirmed_by: Mapping[str, Sequence[str]] | None = None,
        keys: Mapping[str, str] | None = None,
    ) -> None:
        """Index the spellings.

        Args:
            classes: other spellings, by name of the class.
            not_classes: words that are no class, each with the reason.
            confirmed_by: beginnings of words that confirm an event, by class.
            keys: letters, by class. Other classes get a free letter of their name, or any free
                letter.

        Raises:
            InputError: a spelling is empty or ambiguous, `confirmed_by` names an unknown class, or
                two classes have the same key.
        """
        self.classes = tuple(classes)
        self.keys = _keys(self.classes, keys or {})
        self._class_of: dict[str, str] = {}
        self._reasons = {
            normalize_label(word): reason for word, reason in (not_classes or {}).items()
        }
        for name, others in classes.items():
            for spelling in (name, *others):
                key = normalize_label(spelling)
                if not key:
                    raise InputError(f"{spelling!r}, a spelling of {name!r}, has no letter.")
                rival = self._class_of.setdefault(key, name)
                if key in self._reasons:
                    rival = "not_classes"
                if rival != name:
                    raise InputError(f"{spelling!r} is listed under both {rival!r} and {name!r}.")
        self._confirming: dict[str, re.Pattern[str]] = {}
        for name, words in (confirmed_by or {}).items():
            if name not in classes:
                raise InputError(
                    f"confirmed_by has {name!r}, which is not among the classes"
                    f"{nearest(name, classes)}"
                )
            if not all(re.match(r"\w", word) for word in words):
                raise InputError(f"confirmed_by of {name!r}: a word does not begin with a letter.")
            if words:
                beginnings = "|".join(re.escape(word.casefold()) for word in words)
                self._confirming[name] = re.compile(rf"\b(?:{beginnings})")

    @classmethod
    def read(cls, path: str | Path, taught: Sequence[str] = ()) -> Labels:
        """Read labels.yaml.

        Args:
            path: the file.
            taught: names of further classes, which occur in annotations. They come last.

        Raises:
            InputError: the file cannot be read, or a spelling is not assigned to exactly one class.
        """
        try:
            content = yaml.load(Path(path).read_text(encoding="utf-8"), _EachKeyOnce)
            file = LabelFile.model_validate(content)
            stated = {
                name: one if isinstance(one, LabelClass) else LabelClass(spellings=one)
                for name, one in file.classes.items()
            }
            return cls(
                {name: one.spellings for name, one in stated.items()} | {n: [] for n in taught},
                file.not_classes,
                file.confirmed_by,
                {name: one.key.lower() for name, one in stated.items() if one.key},
            )
        except OSError as error:
            raise InputError(
                f"{path} cannot be read: {error.strerror}{nearest_file(path)}."
            ) from error
        except (UnicodeDecodeError, yaml.YAMLError) as error:
            raise InputError(f"{path} is not a YAML file: {plain(error)}.") from error
        except ValidationError as error:
            mistakes = "; ".join(
                f"{'.'.join(map(str, mistake['loc'])) or 'the file'}: {mistake['msg']}"
                for mistake in error.errors()
            )
            raise InputError(f"{path} is not a valid labels file: {mistakes}.") from error
        except InputError as error:
            raise InputError(f"{path}: {error}") from error

    def canonical(self, label: str) -> str | None:
        """Return the class that a label names, or None if it names no class or several classes."""
        return self._class_of.get(normalize_label(label))

    def is_spelling(self, label: str) -> bool:
        """Return whether a label is a spelling of a class or a word in `not_classes`."""
        key = normalize_label(label)
        return key in self._class_of or key in self._reasons

    def reason(self, label: str) -> str | None:
        """Return the reason why a word in `not_classes` is no class; None for all other words."""
        return self._reasons.get(normalize_label(label))

    def confirms(self, details: str, label: str) -> bool:
        """Return whether an event's details contain a word that confirms an event of this class."""
        pattern = self._confirming.get(label)
        return pattern is not None and pattern.search(details.casefold()) is not None


class _EachKeyOnce(yaml.SafeLoader):
    """A YAML loader that rejects duplicate keys. YAML itself silently takes the last value."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Raise InputError if a key occurs twice."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise InputError(f"{twice!r} occurs twice. Put its spellings into one list.")
        return super().construct_mapping(node, deep)


def _keys(classes: Sequence[str], stated: Mapping[str, str]) -> dict[str, str]:
    """Assign a letter to each class: the stated one, or a free letter."""
    class_of: dict[str, str] = {}
    for name, key in stated.items():
        if class_of.setdefault(key, name) != name:
            raise InputError(f"{class_of[key]!r} and {name!r} have the same key, {key!r}.")
    for name in classes:
        if name in stated:
            continue
        letters = [letter for letter in name.lower() if letter in ascii_lowercase]
        free = [letter for letter in (*letters, *ascii_lowercase) if letter not in class_of]
        if free:
            class_of[free[0]] = name
    found = {name: key for key, name in class_of.items()}
    return {name: found[name] for name in classes if name in found}


def normalize_label(label: str) -> str:
    """Return the letters of a label in lower case, without plural s.

    All spellings share this form.
    """
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", label).casefold())
    return "".join(w[:-1] if w.endswith("s") and not w.endswith("ss") else w for w in words)
