"""A model that a server runs: what its answers depend on, and the way to it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from touchline.errors import InputError

# Pictures in one of two formats, or one video of JPEG pictures.
FramesAs = Literal["jpeg", "png", "video"]

# Requests in flight: enough for a server that batches, few enough for one that does not.
REQUESTS = 16
# Seconds without any answer until a slice ends. A server may restart and load its model meanwhile.
PATIENCE = 900.0


@dataclass(frozen=True)
class ServedModel:
    """A model of a server, as far as answers depend on it.

    Attributes:
        name: the server's name of the model.
        frames_as: how it gets a window's frames.
    """

    name: str
    frames_as: FramesAs


@dataclass(frozen=True)
class Access:
    """Where a server is, and how it lets us in; answers do not depend on it.

    Attributes:
        endpoint: its address, without credentials.
        key_variable: environment variable that holds the key; None where none is needed.
        requests: how many are in flight.
        patience: seconds without any answer until a slice ends.
    """

    endpoint: str
    key_variable: str | None = None
    requests: int = REQUESTS
    patience: float = PATIENCE

    @property
    def host(self) -> str:
        """Name and port of the server."""
        return urlsplit(self.endpoint).netloc

    def read_key(self) -> str:
        """Return the key; an empty text where none is needed.

        Raises:
            InputError: the variable is not set, or holds no key.
        """
        if self.key_variable is None:
            return ""
        key = os.environ.get(self.key_variable, "").strip()
        if not key:
            raise InputError(
                f"The environment variable {self.key_variable} is not set, so {self.host} would "
                f"refuse every request; type: export {self.key_variable}=… and the command again."
            )
        # Libraries repeat such a key in their messages.
        if not (key.isascii() and key.isprintable()):
            raise InputError(
                f"The environment variable {self.key_variable} holds characters that no key has, "
                "such as a line break; set it to the key alone."
            )
        return key


# Pixels that a token of a picture stands for, in Qwen's models; others take more tokens or fewer.
_PIXELS_PER_TOKEN = 28 * 28
_LETTERS_PER_TOKEN = 4


def tokens_of_prompt(prompt: str, frames: int, width: int, height: int) -> int:
    """Estimate the tokens of a request about a full window.

    Args:
        width, height: of a frame, pixels.
    """
    picture = width * height / _PIXELS_PER_TOKEN
    return round(len(prompt) / _LETTERS_PER_TOKEN + frames * picture)
