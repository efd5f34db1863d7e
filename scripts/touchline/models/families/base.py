"""A loaded video-language model: what all families share, and what each must provide.

All of them are a vision tower, whose features take the places of marked tokens of a prompt,
and a language model of the Llama kind that reads the prompt and answers.
"""

from __future__ import annotations

import logging
import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from transformers import DynamicCache, PreTrainedModel

from touchline.errors import InputError
from touchline.models.candidate_tree import CandidateTree
from touchline.models.chat import end_tokens, prompt_text, read_tokenizer, token_ids
from touchline.models.cuda import call_once
from touchline.models.cuda_graph import Replayed
from touchline.models.kernels import compile_kernels, fuse_steps
from touchline.models.kv_cache import DRAFTS, RowCache
from touchline.models.loading import load_weights, read_config
from touchline.models.preprocessing import CLIP, Normalization, normalized, read_normalization
from touchline.models.row_attention import ROWS, attention_kernel
from touchline.models.unpacking import fuse_norms, unpack, unpacked_bytes
from touchline.video.transforms import Fit
from touchline.weights.checkpoints import check

log = logging.getLogger(__name__)

Dtype = Literal["auto", "bfloat16", "float16", "float32"]


@dataclass(frozen=True)
class Footage:
    """What a model is shown.

    Attributes:
        width, height: of a frame as it is sampled, pixels.
        fps: frames a second of a window.
        frames: most that a window has.
    """

    width: int
    height: int
    fps: float
    frames: int = 4


@dataclass(frozen=True)
class Prompt:
    """A prompt as token ids.

    Attributes:
        ids: [tokens].
        positions: as the language model takes them, [..., 1, tokens]; None for 0, 1, 2, …
        shift: what the position of a token of the answer is ahead of its place.
    """

    ids: torch.Tensor
    positions: torch.Tensor | None = None
    shift: int = 0


class PromptsRead(NamedTuple):
    """What reading prompts gives, at the position that the first token of an answer comes from.

    Attributes:
        logits: [n, vocabulary].
        hidden: What the vocabulary head makes the logits from, [n, width].
    """

    logits: torch.Tensor
    hidden: torch.Tensor


class AnsweringModel(ABC):
    """A loaded checkpoint, as a worker and the steps before it need one.

    Attributes:
        frames_per_picture: Frames that the model takes in as one.
        device: Where the weights are.
        dtype: The type that the model computes in.
        eos: The ids that end an answer.
        config: The checkpoint's configuration, as the library has it.
        model: The library's model.
    """

    frames_per_picture: ClassVar[int] = 1
    device: torch.device
    dtype: torch.dtype
    eos: frozenset[int]
    config: Any
    model: Any

    @abstractmethod
    def __init__(
        self,
        folder: Path,
        prompt: str,
        footage: Footage,
        dtype: Dtype = "auto",
        new_tokens: int = 0,
    ) -> None: ...

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, **how: Any) -> PreTrainedModel:
        """Load a checkpoint's weights.

        Args:
            how: What else the library's `from_pretrained` takes.
        """

    @classmethod
    @abstractmethod
    def unquantized(cls, folder: Path) -> list[str]:
        """Name the modules that keep their precision in a 4-bit copy."""

    @classmethod
    @abstractmethod
    def check_length(cls, folder: Path, prompt: str, footage: Footage, new_tokens: int) -> None:
        """Check that the model can read a full window and write an answer; loads no weights.

        Raises:
            InputError: It cannot; says how many frames it can read.
        """

    @abstractmethod
    def pixels(self, frame: torch.Tensor, fit: Fit) -> torch.Tensor:
        """Turn a frame, uint8 [3, H, W], into what the model takes, uint8 [3, h, w]."""

    @abstractmethod
    def row_bytes(self, pictures: int, new_tokens: int) -> int:
        """Estimate the memory that one more window in a batch takes."""

    @abstractmethod
    def unpacked_bytes(self) -> int:
        """Return the memory that `unpack` would take beyond what the weights take now."""

    @abstractmethod
    def unpack(self) -> None:
        """Turn 4-bit weights into what every product with them would turn them into each time."""

    @abstractmethod
    def decode(self, tokens: Sequence[int]) -> str:
        """Turn token ids into text, without special tokens."""

    def _choose_arithmetic(self, dtype: Dtype) -> None:
        """Choose the device, and the type that the model computes in."""
        self.device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
        self.dtype = arithmetic(dtype, self.device)

    def _compute_4_bits(self) -> bool:
        """Let 4-bit weights be multiplied in the model's type; whether the checkpoint has any."""
        quantization = getattr(self.config, "quantization_config", None)
        if quantization:
            # Its default is float32, which a GPU multiplies slowly.
            quantization["bnb_4bit_compute_dtype"] = str(self.dtype).removeprefix("torch.")
        return bool(quantization)

    def _cast_weights(self, dtype_of: Callable[[str], torch.dtype]) -> None:
        """Give all weights their types, by name.

        Modules left out of the quantization come in the type they were saved in.
        """
        for name, weights in self.model.named_parameters():
            if weights.is_floating_point():
                weights.data = weights.data.to(dtype_of(name))


class VideoLanguageModel(AnsweringModel):
    """A checkpoint as `touchline.detection.scheduler` wants it.

    Args:
        folder: a checkpoint folder, quantized or not.
        prompt: what is asked about the pictures.
        footage: what the pictures are made from.
        dtype: arithmetic; "auto" is bfloat16 where the GPU has it, else float16, and
            float32 on the CPU. Beside float16 the vision tower computes in float32.
        new_tokens: most tokens of an answer.

    Attributes:
        eos: the ids that end an answer.

    Raises:
        InputError: the folder holds no such model, or the model cannot read a full window and
            write an answer to it.
    """

    # What a family provides: these, `frames_per_picture`, and the methods below them.
    architecture: ClassVar[type[PreTrainedModel]]
    # The modules that make features of pictures.
    vision: ClassVar[tuple[str, ...]]
    template: ClassVar[str]  # with {video} and {prompt}, for checkpoints without a chat template
    video_token: ClassVar[str]  # stands for one of a picture's features
    # For checkpoints whose processor states none.
    usual_normalization: ClassVar[Normalization] = CLIP

    @property
    @abstractmethod
    def tokens_per_picture(self) -> int:
        """How many features a picture has."""

    @abstractmethod
    def pixels(self, frame: torch.Tensor, fit: Fit) -> torch.Tensor:
        """A frame, uint8 [3, H, W], in the size that the vision tower reads, uint8 [3, h, w]."""

    @abstractmethod
    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """Normalized pictures [n, frames, 3, h, w] to features [n, tokens, width].

        What goes beyond the width of the language model's embeddings is added to the hidden states
        behind its first layers, a width each (DeepStack, arXiv:2406.04334).
        """

    def video_text(self, pictures: int, odd: bool) -> str:  # noqa: ARG002
        """What stands for the video in a prompt: a token for each feature, and what is between.

        Args:
            odd: the last picture is a frame that had no partner.
        """
        return self.video_token * (pictures * self.tokens_per_picture)

    def positions(
        self,
        ids: torch.Tensor,  # noqa: ARG002
        pictures: int,  # noqa: ARG002
    ) -> tuple[torch.Tensor | None, int]:
        """The positions and the shift of a `Prompt`; only where they are not 0, 1, 2, …"""
        return None, 0

    # What all share.

    def __init__(
        self,
        folder: Path,
        prompt: str,
        footage: Footage,
        dtype: Dtype = "auto",
        new_tokens: int = 0,
    ) -> None:
        self._choose_arithmetic(dtype)
        check(folder)
        self._read_files(folder, prompt, footage)
        self._check_length(folder, new_tokens)
        in_4_bits = self._compute_4_bits()
        with ThreadPoolExecutor(3) as meanwhile:
            compiling = meanwhile.submit(compile_kernels)
            meanwhile.submit(attention_kernel)
            meanwhile.submit(call_once, self.dtype)
            self.model = self.load(
                folder,
                config=self.config,
                # Float16 cannot hold all of the vision tower's numbers, so that they come as saved.
                dtype="auto" if self.dtype == torch.float16 else self.dtype,
                device_map=self.device,
            ).eval()
        # Qwen2.5-VL's vision tower is known to overflow in float16.
        self._vision_dtype = torch.float32 if self.dtype == torch.float16 else self.dtype
        self._cast_weights(
            lambda name: self._vision_dtype if name.startswith(self.vision) else self.dtype
        )
        log.info(
            "The model's weights are %s; it computes in %s.",
            "in 4 bits" if in_4_bits else "as they were fetched, with no 4-bit copy",
            str(self.dtype).removeprefix("torch."),
        )
        self.model.model.language_model.config._attn_implementation = ROWS
        fuse_norms(self.model)
        if kernels := compiling.result():
            fuse_steps(self.model, kernels)
        self.normalization: Normalization = read_normalization(folder, self.usual_normalization)
        self.eos = end_tokens(
            folder,
            self.model.lm_head.out_features,
            self.model.generation_config.eos_token_id,
            getattr(self.model.config.text_config, "eos_token_id", None),
            self.tokenizer.eos_token_id,
        )
        self.prompt = cache(self._prompt)
        self._prepare(folder)

    def _prepare(self, folder: Path) -> None:  # most families need nothing
        """Do what a family needs once its weights are loaded.

        Raises:
            InputError: the checkpoint contradicts itself.
        """

    @classmethod
    def load(cls, folder: Path, **how: Any) -> PreTrainedModel:
        """Load a checkpoint's weights.

        Args:
            how: What else the library's `from_pretrained` takes.
        """
        return load_weights(
            cls.architecture, folder, **{"config": how.get("config") or read_config(folder), **how}
        )

    @classmethod
    def unquantized(cls, folder: Path) -> list[str]:  # noqa: ARG003
        """Name the modules that keep their precision: they are small, and they lose most."""
        return [*cls.vision, "lm_head"]

    @classmethod
    def check_length(cls, folder: Path, prompt: str, footage: Footage, new_tokens: int) -> None:
        """Check that the model can read a full window and write an answer; loads no weights.

        Raises:
            InputError: it cannot; says how many frames it can read.
        """
        # An instance without weights knows all that the length depends on.
        unloaded = cls.__new__(cls)
        unloaded._read_files(folder, prompt, footage)
        unloaded._check_length(folder, new_tokens)

    def _read_files(self, folder: Path, prompt: str, footage: Footage) -> None:
        """Read all that prompts are made from."""
        self.footage = footage
        self.config = read_config(folder)
        self.tokenizer = read_tokenizer(folder)
        self._text = prompt_text(
            self.tokenizer, folder, prompt.strip(), self.video_token, self.template
        )
        self._video_id: int = self.tokenizer.convert_tokens_to_ids(self.video_token)

    def _check_length(self, folder: Path, new_tokens: int) -> None:
        check_context(
            folder,
            self.config.text_config.max_position_embeddings,
            self.footage.frames,
            self._window_tokens,
            new_tokens,
        )

    def _window_tokens(self, frames: int) -> int:
        """Count the tokens of the prompt about a full window, if that has this many frames."""
        # The size of a frame may depend on the number of frames.
        other = copy(self)
        other.footage = replace(self.footage, frames=frames)
        pictures = math.ceil(frames / self.frames_per_picture)
        return len(other._token_ids(pictures, frames % self.frames_per_picture > 0))

    def _token_ids(self, pictures: int, odd: bool) -> list[int]:
        text = self._text.replace(self.video_token, self.video_text(pictures, odd))
        return token_ids(self.tokenizer, text)

    def _prompt(self, pictures: int, odd: bool = False) -> Prompt:
        """The prompt about so many pictures, of which the last may be a frame without a partner."""
        ids = torch.tensor(self._token_ids(pictures, odd))
        return Prompt(ids, *self.positions(ids, pictures))

    @property
    def pictures_at_once(self) -> int:
        """Pictures that a call of `encode` should have, so many that the device is busy."""
        # One is enough for a CPU, and then no call is filled up with repeats.
        return 1 if self.device.type == "cpu" else 32 // self.frames_per_picture

    @torch.inference_mode()
    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pictures, uint8 [n, frames, 3, h, w], to features [n, tokens, width]."""
        seen = normalized(pixels.to(self.device), self.normalization)
        return self.features(seen.to(self._vision_dtype)).to(self.dtype)

    def new_cache(self, rows: int, pictures: int, new_tokens: int) -> RowCache:
        """An empty cache for prompts with up to so many pictures, and their answers."""
        layers, heads, length, width = self._cache_shape(pictures, new_tokens)
        return RowCache(layers, (rows, heads, length, width), self.dtype, self.device)

    def row_bytes(self, pictures: int, new_tokens: int) -> int:
        """Memory that a row of the cache takes: keys and values of every layer."""
        shape = self._cache_shape(pictures, new_tokens + DRAFTS)
        return 2 * math.prod(shape) * self.dtype.itemsize

    def _cache_shape(self, pictures: int, new_tokens: int) -> tuple[int, int, int, int]:
        """Layers, heads, length and width of a row."""
        text = self.model.config.text_config
        width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
        length = max(len(self.prompt(pictures, odd).ids) for odd in (False, True)) + new_tokens
        return text.num_hidden_layers, text.num_key_value_heads, length, width

    def unpacked_bytes(self) -> int:
        """Memory that `unpack` would take beyond what the weights take now."""
        return unpacked_bytes(self.model, self.dtype)

    def unpack(self) -> None:
        """Turn 4-bit weights into what every product with them would turn them into each time."""
        unpack(self.model, self.dtype)

    @torch.inference_mode()
    def prefill(
        self, features: torch.Tensor, cache: RowCache, rows: Sequence[int], odd: bool = False
    ) -> PromptsRead:
        """Read prompts, the first into the first row and so on.

        Args:
            features: [n, pictures, tokens, width].
            rows: at most n; prompts beyond them are read and forgotten.
            odd: the last picture of each is a frame that had no partner.
        """
        prompt = self.prompt(features.shape[1], odd)
        ids = prompt.ids.to(self.device)
        shown = ids == self._video_id
        # The video's token need not be one that the model has an embedding for.
        words = self.model.get_input_embeddings()(ids.masked_fill(shown, 0))
        embeddings = words.repeat(len(features), 1, 1)
        seen = features.flatten(1, 2).to(embeddings.dtype)
        first, *deeper = torch.split(seen, words.shape[-1], -1)
        embeddings[:, shown] = first
        deepstack: dict[str, Any] = {}
        if deeper:
            deepstack["visual_pos_masks"] = shown.expand(len(features), -1)
            deepstack["deepstack_visual_embeds"] = [each.flatten(0, 1) for each in deeper]
        positions = prompt.positions
        hidden = self.model.model.language_model(
            inputs_embeds=embeddings,
            position_ids=None if positions is None else positions.to(self.device),
            past_key_values=_Prompts(cache, rows),
            use_cache=True,
            **deepstack,
        ).last_hidden_state
        cache.begin(rows, len(ids), prompt.shift)
        last = hidden[:, -1]
        # A copy, so that the states of all other tokens go.
        return PromptsRead(self.model.lm_head(last), last.clone())

    @torch.inference_mode()
    def step(self, tokens: torch.Tensor, cache: RowCache) -> torch.Tensor:
        """Read the last token of each row and drafts of the next ones.

        What is read counts from the cache's `advance` on.

        Args:
            tokens: [rows, 1 + drafts].

        Returns:
            Logits behind each token, [rows, 1 + drafts, vocabulary].
        """
        tokens = tokens.to(self.device)
        if self.device.type == "cpu":
            return self._step(tokens, cache)
        if cache.replayed is None:
            cache.replayed = Replayed(lambda given: self._step(given, cache), tokens)
        return cache.replayed(tokens)

    def _step(self, tokens: torch.Tensor, cache: RowCache) -> torch.Tensor:
        hidden = self.model.model.language_model(
            input_ids=tokens,
            position_ids=cache.positions(),
            attention_mask=cache.mask(),
            past_key_values=cache,
            use_cache=True,
            row_lengths=cache.lengths,
        ).last_hidden_state
        logits: torch.Tensor = self.model.lm_head(hidden)
        return logits

    def tree_of(self, answers: Iterable[tuple[str, int]]) -> CandidateTree:
        """Answers as the model would write them, each up to where so many characters are written.

        Its own way to split an answer's text into tokens is kept: where the closing quote of a name
        and the comma behind it are one token, that is the last one.
        """
        return CandidateTree.of([self._written(text, upto) for text, upto in answers])

    def _written(self, text: str, upto: int) -> list[int]:
        """The tokens of a text's beginning of so many characters, and of what they have beyond."""
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        for count in range(1, len(ids)):
            if self.decode(ids[:count]).startswith(text[:upto]):
                return ids[:count]
        return ids

    @torch.inference_mode()
    def weigh(
        self,
        tree: CandidateTree,
        logits: torch.Tensor,
        cache: RowCache,
        rows: Sequence[int],
        pictures: int,
        odd: bool = False,
    ) -> torch.Tensor:
        """The log-likelihood of each step of a tree behind prompts that were read, [n, steps].

        The cache is as before: what is read here is not kept.

        Args:
            logits: that reading the prompts gave, [n, vocabulary].
            rows: of the cache, with the prompts' keys and values, n.
            pictures, odd: of the prompts.
        """
        prompt = self.prompt(pictures, odd)
        length, nodes = len(prompt.ids), len(tree.tokens)
        seen = tree.seen.to(self.device)
        mask = torch.cat([seen.new_ones((nodes, length)), seen], dim=1)
        positions = (tree.depths + length + prompt.shift).to(self.device)
        hidden = self.model.model.language_model(
            input_ids=tree.tokens.to(self.device).expand(len(rows), -1),
            position_ids=positions.expand(len(rows), -1),
            attention_mask=mask.expand(len(rows), 1, -1, -1),
            past_key_values=_Behind(cache, rows, length),
            use_cache=True,
        ).last_hidden_state
        told_by, leads_to = (each.to(self.device) for each in (tree.told_by, tree.leads_to))
        found = []
        # Row by row, as the numbers for all words are many.
        for first, later in zip(logits, hidden, strict=True):
            told = torch.cat([self.model.lm_head(later).float(), first[None].float()])
            found.append(told[told_by, leads_to] - told.logsumexp(-1)[told_by])
        return torch.stack(found)

    def decode(self, tokens: Sequence[int]) -> str:
        """Token ids to text, without special tokens."""
        text: str = self.tokenizer.decode(list(tokens), skip_special_tokens=True)
        return text


class _Prompts(DynamicCache):  # type: ignore[misc]  # the library is untyped
    """What a language model takes for its cache: puts a prompt's keys and values into rows.

    Nothing is kept here, as a prompt is read in one call.
    """

    def __init__(self, target: RowCache, rows: Sequence[int]) -> None:
        super().__init__()
        self._target, self._rows = target, rows

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        self._target.put(self._rows, layer, keys, values)
        return keys, values


class _Behind:
    """What a language model takes for its cache: the prompts of rows, and what is read behind them.

    Nothing is kept here either.
    """

    def __init__(self, source: RowCache, rows: Sequence[int], tokens: int) -> None:
        self._source, self._tokens = source, tokens
        self._rows = torch.tensor(rows, device=source.lengths.device)

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *_: object, **__: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        before = (self._source.keys[layer], self._source.values[layer])
        both = (
            torch.cat([each[self._rows, :, : self._tokens], new], dim=2)
            for each, new in zip(before, (keys, values), strict=True)
        )
        return next(both), next(both)


def arithmetic(dtype: Dtype, device: torch.device) -> torch.dtype:
    """Choose the type that a model computes in on a device."""
    if dtype != "auto":
        chosen: torch.dtype = getattr(torch, dtype)
        return chosen
    if device.type == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float16


def check_context(
    folder: Path, limit: int, frames: int, tokens_of: Callable[[int], int], new_tokens: int
) -> None:
    """Check that a full window's prompt and an answer fit into a model's context.

    Args:
        limit: Most tokens that the model can read.
        frames: Most frames of a window.
        tokens_of: Counts the tokens of a prompt about this many frames.

    Raises:
        InputError: They do not fit; says how many frames do.
    """
    tokens = tokens_of(frames)
    if tokens + new_tokens <= limit:
        return
    most = bisect_right(range(1, frames), limit - new_tokens, key=tokens_of)
    remedy = (
        f"set window.frames to {most} or less (and window.fps lower, so that they show the "
        "whole window)"
        if most
        else "shorten the prompt or lower generation.max_new_tokens"
    )
    raise InputError(
        f"A window of {frames} frames makes a prompt of {tokens:,} tokens, which with the "
        f"{new_tokens:,} of generation.max_new_tokens are more than the {limit:,} that "
        f"{folder} can read (max_position_embeddings in its config.json); {remedy}."
    )
