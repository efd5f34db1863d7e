"""From a model's own word for an event to the name of a class."""

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
    """A class with its other spellings, and the key that adds an event of it on a page."""

    spellings: list[str] = Field(default_factory=list)
    key: Key | None = None


class LabelFile(Record):
    """labels.yaml: each class with its other spellings, and words that are no class.

    And the words that confirm an event of a class.
    """

    classes: dict[str, list[str] | LabelClass]
    not_classes: dict[str, str] = Field(default_factory=dict)
    confirmed_by: dict[str, list[str]] = Field(default_factory=dict)


class Labels:
    """The classes of events, found by any spelling.

    Attributes:
        classes: the names of the classes, in the file's order.
        keys: by class, the letter that adds an event of it on a page. With more than 26 classes,
            some have none.
    """

    def __init__(
        self,
        classes: Mapping[str, Sequence[str]],
        not_classes: Mapping[str, str] | None = None,
        confirmed_by: Mapping[str, Sequence[str]] | None = None,
        keys: Mapping[str, str] | None = None,
    ) -> None:
        """Learn the spellings.

        Args:
            classes: other spellings by name of the class.
            not_classes: words that are no class, each with the reason.
            confirmed_by: by class, beginnings of words that confirm an event of it.
            keys: letters by class; other classes get a free letter of their names, or any.

        Raises:
            InputError: a spelling is empty or stands for two things, words confirm no class, or
                two classes have one key.
        """
        self.classes = tuple(classes)
        self.keys = _keys(self.classes, keys or {})
        self._class_of: dict[str, str] = {}
        self._reasons = {key_of(word): reason for word, reason in (not_classes or {}).items()}
        for name, others in classes.items():
            for spelling in (name, *others):
                key = key_of(spelling)
                if not key:
                    raise InputError(f"{spelling!r}, a spelling of {name!r}, has no letter in it.")
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
                raise InputError(f"A word of confirmed_by: {name!r} does not begin with a letter.")
            if words:
                beginnings = "|".join(re.escape(word.casefold()) for word in words)
                self._confirming[name] = re.compile(rf"\b(?:{beginnings})")

    @classmethod
    def read(cls, path: str | Path, taught: Sequence[str] = ()) -> Labels:
        """Read labels.yaml.

        Args:
            taught: names of further classes, which labels of videos have. They come last.

        Raises:
            InputError: the file cannot be read, or does not say which spelling is which class.
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
            raise InputError(f"{path} is no table of labels: {mistakes}.") from error
        except InputError as error:
            raise InputError(f"{path}: {error}") from error

    def canonical(self, label: str) -> str | None:
        """The class that a label names, or None if it names none (or more than one)."""
        return self._class_of.get(key_of(label))

    def is_spelling(self, label: str) -> bool:
        """Whether a label names a class, or is a word that was foreseen as no class."""
        key = key_of(label)
        return key in self._class_of or key in self._reasons

    def reason(self, label: str) -> str | None:
        """Why a word that was foreseen is no class; None for all others."""
        return self._reasons.get(key_of(label))

    def confirms(self, details: str, label: str) -> bool:
        """Whether the details of any event have a word that confirms one of this class."""
        pattern = self._confirming.get(label)
        return pattern is not None and pattern.search(details.casefold()) is not None


class _EachKeyOnce(yaml.SafeLoader):
    """Of a key that stands twice, YAML takes the last without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise InputError(f"{twice!r} is there twice; put its spellings into one list.")
        return super().construct_mapping(node, deep)


def _keys(classes: Sequence[str], stated: Mapping[str, str]) -> dict[str, str]:
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


def key_of(label: str) -> str:
    """What all spellings of a label have in common: its letters, without case or plural s."""
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", label).casefold())
    return "".join(w[:-1] if w.endswith("s") and not w.endswith("ss") else w for w in words)
