"""Settings of a model that a server runs, and access to the server."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from touchline.errors import InputError

# Formats of a window's frames: single images, or one video of JPEG images.
FramesAs = Literal["jpeg", "png", "video"]

# Requests in flight. This number suits servers with and without batching.
REQUESTS = 16
# Seconds without any answer until a slice ends. This is enough for a server to restart.
PATIENCE = 900.0


@dataclass(frozen=True)
class ServedModel:
    """The settings of a server's model on which its answers depend.

    Attributes:
        name: the name of the model on the server.
        frames_as: the format in which the server gets a window's frames.
    """

    name: str
    frames_as: FramesAs


@dataclass(frozen=True)
class Access:
    """The address of a server and its key. Answers do not depend on these settings.

    Attributes:
        endpoint: address of the server, without credentials.
        key_variable: environment variable that contains the key; None if no key is needed.
        requests: number of simultaneous requests.
        patience: seconds without any answer after which a slice fails.
    """

    endpoint: str
    key_variable: str | None = None
    requests: int = REQUESTS
    patience: float = PATIENCE

    @property
    def host(self) -> str:
        """Return the name and port of the server."""
        return urlsplit(self.endpoint).netloc

    def read_key(self) -> str:
        """Return the key, or an empty text if no key is needed.

        Raises:
            InputError: the variable is not set, or has characters that a key cannot have.
        """
        if self.key_variable is None:
            return ""
        key = os.environ.get(self.key_variable, "").strip()
        if not key:
            raise InputError(
                f"The environment variable {self.key_variable} is not set, so {self.host} would "
                f"refuse every request. Type: export {self.key_variable}=… and run the command "
                "again."
            )
        # Libraries would repeat an invalid key in their messages.
        if not (key.isascii() and key.isprintable()):
            raise InputError(
                f"The environment variable {self.key_variable} has characters that no key has, "
                "such as a line break. Set it to the key alone."
            )
        return key


# Pixels per token of an image in Qwen's models. Other models differ.
_PIXELS_PER_TOKEN = 28 * 28
_LETTERS_PER_TOKEN = 4


def estimate_prompt_tokens(prompt: str, frames: int, width: int, height: int) -> int:
    """Estimate the number of tokens in a request about a full window.

    Args:
        prompt: the prompt.
        frames: number of frames.
        width: width of a frame, in pixels.
        height: height of a frame, in pixels.
    """
    picture = width * height / _PIXELS_PER_TOKEN
    return round(len(prompt) / _LETTERS_PER_TOKEN + frames * picture)
