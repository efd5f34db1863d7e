"""Define a loaded video-language model: the shared parts, and the parts that each family provides.

Every model has a vision tower and a language model of the Llama kind. The tower's features replace
marked tokens of the prompt, and the language model reads the prompt and answers.
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
    """The frames that a model sees.

    Attributes:
        width, height: size of a sampled frame in pixels.
        fps: frames per second in a window.
        frames: most frames per window.
    """

    width: int
    height: int
    fps: float
    frames: int = 4


@dataclass(frozen=True)
class Prompt:
    """A prompt as token ids.

    Attributes:
        ids: token ids, [tokens].
        positions: positions for the language model, [..., 1, tokens]; None for 0, 1, 2, …
        shift: position of an answer's token minus its index in the sequence.
    """

    ids: torch.Tensor
    positions: torch.Tensor | None = None
    shift: int = 0


class PromptsRead(NamedTuple):
    """The result of reading prompts, at the position that predicts the first token of the answer.

    Attributes:
        logits: logits, [n, vocabulary].
        hidden: Input of the vocabulary head, [n, width].
    """

    logits: torch.Tensor
    hidden: torch.Tensor


class AnsweringModel(ABC):
    """A loaded checkpoint, with the interface that a worker and earlier steps need.

    Attributes:
        frames_per_picture: Number of frames that the model encodes together.
        device: Device of the weights.
        dtype: Type in which the model computes.
        eos: Ids that end an answer.
        config: The checkpoint's configuration in the library.
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
            folder: Folder of the checkpoint.
            how: Further arguments of the library's `from_pretrained`.
        """

    @classmethod
    @abstractmethod
    def unquantized(cls, folder: Path) -> list[str]:
        """Return the names of the modules that keep their precision in a 4-bit copy."""

    @classmethod
    @abstractmethod
    def check_length(cls, folder: Path, prompt: str, footage: Footage, new_tokens: int) -> None:
        """Check that the model can read a full window and write an answer. Load no weights.

        Raises:
            InputError: The context is too short. The message has the number of frames that fit.
        """

    @abstractmethod
    def pixels(self, frame: torch.Tensor, fit: Fit) -> torch.Tensor:
        """Convert a frame, uint8 [3, H, W], to the model's input size, uint8 [3, h, w]."""

    @abstractmethod
    def row_bytes(self, pictures: int, new_tokens: int) -> int:
        """Estimate the memory of one more window in a batch, in bytes."""

    @abstractmethod
    def unpacked_bytes(self) -> int:
        """Return the additional memory that `unpack` would take, in bytes."""

    @abstractmethod
    def unpack(self) -> None:
        """Convert 4-bit weights to plain weights once, instead of in every matrix product."""

    @abstractmethod
    def decode(self, tokens: Sequence[int]) -> str:
        """Convert token ids to text, without special tokens."""

    def _choose_arithmetic(self, dtype: Dtype) -> None:
        """Choose the device, and the type in which the model computes."""
        self.device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
        self.dtype = arithmetic(dtype, self.device)

    def _compute_4_bits(self) -> bool:
        """Make layers with 4-bit weights compute in the model's type.

        Return whether the model has such layers.
        """
        quantization = getattr(self.config, "quantization_config", None)
        if quantization:
            # The default is float32, which is slow on a GPU.
            quantization["bnb_4bit_compute_dtype"] = str(self.dtype).removeprefix("torch.")
        return bool(quantization)

    def _cast_weights(self, dtype_of: Callable[[str], torch.dtype]) -> None:
        """Convert all weights to their types, by name.

        Modules without quantization are loaded in the type in which they were saved.
        """
        for name, weights in self.model.named_parameters():
            if weights.is_floating_point():
                weights.data = weights.data.to(dtype_of(name))


class VideoLanguageModel(AnsweringModel):
    """A loaded checkpoint with the interface that `touchline.detection.scheduler` needs.

    Args:
        folder: a checkpoint folder, quantized or not.
        prompt: text of the prompt.
        footage: the frames that the model sees.
        dtype: type of the arithmetic. "auto" is float32 on the CPU, bfloat16 on GPUs that support
            it, and float16 on others. With float16, the vision tower computes in float32.
        new_tokens: most tokens per answer.

    Attributes:
        eos: ids that end an answer.

    Raises:
        InputError: the folder has no such model, or the model cannot read a full window and write
            an answer.
    """

    # A family provides these attributes, `frames_per_picture`, and the methods below.
    architecture: ClassVar[type[PreTrainedModel]]
    # Modules that compute the features of pictures.
    vision: ClassVar[tuple[str, ...]]
    template: ClassVar[str]  # with {video} and {prompt}, for checkpoints without a chat template
    video_token: ClassVar[str]  # stands for one feature of a picture
    # Normalization for checkpoints whose processor has none.
    usual_normalization: ClassVar[Normalization] = CLIP

    @property
    @abstractmethod
    def tokens_per_picture(self) -> int:
        """Return the number of features per picture."""

    @abstractmethod
    def pixels(self, frame: torch.Tensor, fit: Fit) -> torch.Tensor:
        """Convert a frame, uint8 [3, H, W], to the vision tower's input size, uint8 [3, h, w]."""

    @abstractmethod
    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """Convert normalized pictures [n, frames, 3, h, w] to features [n, tokens, width].

        Features wider than the embeddings are split. Each part after the first is added to the
        hidden states after one of the language model's first layers (DeepStack, arXiv:2406.04334).
        """

    def video_text(self, pictures: int, odd: bool) -> str:  # noqa: ARG002
        """Return the text that stands for the video in a prompt: a token per feature, and any text
        between.

        Args:
            pictures: number of pictures.
            odd: whether the last picture has one frame, although pictures have two.
        """
        return self.video_token * (pictures * self.tokens_per_picture)

    def positions(
        self,
        ids: torch.Tensor,  # noqa: ARG002
        pictures: int,  # noqa: ARG002
    ) -> tuple[torch.Tensor | None, int]:
        """Return the positions and the shift of a `Prompt`.

        Override this if positions are not 0, 1, 2, …
        """
        return None, 0

    # The parts below are shared by all families.

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
                # Float16 cannot hold all numbers of the vision tower, so keep their saved type.
                dtype="auto" if self.dtype == torch.float16 else self.dtype,
                device_map=self.device,
            ).eval()
        # Qwen2.5-VL's vision tower is known to overflow in float16.
        self._vision_dtype = torch.float32 if self.dtype == torch.float16 else self.dtype
        self._cast_weights(
            lambda name: self._vision_dtype if name.startswith(self.vision) else self.dtype
        )
        log.info(
            "The model's weights are %s. It computes in %s.",
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
        """Prepare a family's own parts once the weights are loaded.

        Raises:
            InputError: the checkpoint contradicts itself.
        """

    @classmethod
    def load(cls, folder: Path, **how: Any) -> PreTrainedModel:
        """Load a checkpoint's weights.

        Args:
            folder: Folder of the checkpoint.
            how: Further arguments of the library's `from_pretrained`.
        """
        return load_weights(
            cls.architecture, folder, **{"config": how.get("config") or read_config(folder), **how}
        )

    @classmethod
    def unquantized(cls, folder: Path) -> list[str]:  # noqa: ARG003
        """Return the names of the modules that keep their precision.

        They are small, and 4 bits would cost them the most accuracy.
        """
        return [*cls.vision, "lm_head"]

    @classmethod
    def check_length(cls, folder: Path, prompt: str, footage: Footage, new_tokens: int) -> None:
        """Check that the model can read a full window and write an answer. Load no weights.

        Raises:
            InputError: the context is too short. The message has the number of frames that fit.
        """
        # The length does not depend on the weights.
        unloaded = cls.__new__(cls)
        unloaded._read_files(folder, prompt, footage)
        unloaded._check_length(folder, new_tokens)

    def _read_files(self, folder: Path, prompt: str, footage: Footage) -> None:
        """Read the files that determine the prompts."""
        self.footage = footage
        self.config = read_config(folder)
        self.tokenizer = read_tokenizer(folder)
        self._text = prompt_text(
            self.tokenizer, folder, prompt.strip(), self.video_token, self.template
        )
        self._video_id: int = self.tokenizer.convert_tokens_to_ids(self.video_token)

    def _check_length(self, folder: Path, new_tokens: int) -> None:
        """Check that a full window and an answer fit into the context."""
        check_context(
            folder,
            self.config.text_config.max_position_embeddings,
            self.footage.frames,
            self._window_tokens,
            new_tokens,
        )

    def _window_tokens(self, frames: int) -> int:
        """Count the tokens of the prompt about a full window with this number of frames."""
        # The size of a frame may depend on the number of frames.
        other = copy(self)
        other.footage = replace(self.footage, frames=frames)
        pictures = math.ceil(frames / self.frames_per_picture)
        return len(other._token_ids(pictures, frames % self.frames_per_picture > 0))

    def _token_ids(self, pictures: int, odd: bool) -> list[int]:
        """Return the token ids of the prompt."""
        text = self._text.replace(self.video_token, self.video_text(pictures, odd))
        return token_ids(self.tokenizer, text)

    def _prompt(self, pictures: int, odd: bool = False) -> Prompt:
        """Return the prompt about `pictures` pictures.

        With `odd`, the last picture has a single frame.
        """
        ids = torch.tensor(self._token_ids(pictures, odd))
        return Prompt(ids, *self.positions(ids, pictures))

    @property
    def pictures_at_once(self) -> int:
        """Return the number of pictures per call of `encode` that keeps the device busy."""
        # One picture keeps a CPU busy and needs no padding.
        return 1 if self.device.type == "cpu" else 32 // self.frames_per_picture

    @torch.inference_mode()
    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """Encode pictures, uint8 [n, frames, 3, h, w], to features [n, tokens, width]."""
        seen = normalized(pixels.to(self.device), self.normalization)
        return self.features(seen.to(self._vision_dtype)).to(self.dtype)

    def new_cache(self, rows: int, pictures: int, new_tokens: int) -> RowCache:
        """Create an empty cache for prompts with at most `pictures` pictures, and their answers."""
        layers, heads, length, width = self._cache_shape(pictures, new_tokens)
        return RowCache(layers, (rows, heads, length, width), self.dtype, self.device)

    def row_bytes(self, pictures: int, new_tokens: int) -> int:
        """Return the memory of one cache row in bytes: the keys and values of every layer."""
        shape = self._cache_shape(pictures, new_tokens + DRAFTS)
        return 2 * math.prod(shape) * self.dtype.itemsize

    def _cache_shape(self, pictures: int, new_tokens: int) -> tuple[int, int, int, int]:
        """Return the layers, heads, length and width of a row."""
        text = self.model.config.text_config
        width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
        length = max(len(self.prompt(pictures, odd).ids) for odd in (False, True)) + new_tokens
        return text.num_hidden_layers, text.num_key_value_heads, length, width

    def unpacked_bytes(self) -> int:
        """Return the additional memory that `unpack` would take, in bytes."""
        return unpacked_bytes(self.model, self.dtype)

    def unpack(self) -> None:
        """Convert 4-bit weights to plain weights once, instead of in every matrix product."""
        unpack(self.model, self.dtype)

    @torch.inference_mode()
    def prefill(
        self, features: torch.Tensor, cache: RowCache, rows: Sequence[int], odd: bool = False
    ) -> PromptsRead:
        """Read prompts into rows of the cache.

        Args:
            features: features of the pictures, [n, pictures, tokens, width].
            cache: the cache.
            rows: rows for the first prompts, at most n. Further prompts are read but not stored.
            odd: whether the last picture of each prompt has only one frame.
        """
        prompt = self.prompt(features.shape[1], odd)
        ids = prompt.ids.to(self.device)
        shown = ids == self._video_id
        # The model may have no embedding for the video's token.
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
            past_key_values=_PromptWriter(cache, rows),
            use_cache=True,
            **deepstack,
        ).last_hidden_state
        cache.begin(rows, len(ids), prompt.shift)
        last = hidden[:, -1]
        # Copy the state, so that the states of all other tokens can be freed.
        return PromptsRead(self.model.lm_head(last), last.clone())

    @torch.inference_mode()
    def step(self, tokens: torch.Tensor, cache: RowCache) -> torch.Tensor:
        """Read the last token of each row and drafts of the next tokens.

        The cache's `advance` sets how much of the step is kept.

        Args:
            tokens: token ids, [rows, 1 + drafts].
            cache: the cache.

        Returns:
            Logits after each token, [rows, 1 + drafts, vocabulary].
        """
        tokens = tokens.to(self.device)
        if self.device.type == "cpu":
            return self._step(tokens, cache)
        if cache.replayed is None:
            cache.replayed = Replayed(lambda given: self._step(given, cache), tokens)
        return cache.replayed(tokens)

    def _step(self, tokens: torch.Tensor, cache: RowCache) -> torch.Tensor:
        """Run the language model on a step's tokens."""
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

    def build_tree(self, answers: Iterable[tuple[str, int]]) -> CandidateTree:
        """Build the tree of answers.

        Each answer is given as a text and the number of its first characters that count.

        Each answer is split into tokens as the model would write it. The last counted token is the
        one with the closing quote of the name, even if it also contains the comma after the quote.
        """
        return CandidateTree.of([self._written(text, upto) for text, upto in answers])

    def _written(self, text: str, upto: int) -> list[int]:
        """Return the first tokens of a text that together cover its first `upto` characters."""
        ids = self.encode_text(text)
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
        """Return the log-likelihood of each step of a tree after each prompt, [n, steps].

        The cache does not change, because nothing read here is stored.

        Args:
            tree: the candidates.
            logits: logits from reading the prompts, [n, vocabulary].
            cache: the cache.
            rows: rows with the prompts' keys and values, n in all.
            pictures, odd: number of pictures in each prompt, and whether its last picture has one
                frame.
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
            past_key_values=_PrefixCache(cache, rows, length),
            use_cache=True,
        ).last_hidden_state
        predicted_by, leads_to = (
            each.to(self.device) for each in (tree.predicted_by, tree.leads_to)
        )
        found = []
        # Work row by row, because logits of the whole vocabulary need much memory.
        for first, later in zip(logits, hidden, strict=True):
            logit_rows = torch.cat([self.model.lm_head(later).float(), first[None].float()])
            found.append(
                logit_rows[predicted_by, leads_to] - logit_rows.logsumexp(-1)[predicted_by]
            )
        return torch.stack(found)

    def encode_text(self, text: str) -> list[int]:
        """Convert text to token ids, as the model would write it.

        The text may come from a file or a model. It may contain a token without an embedding, such
        as the one for a video. The model cannot read such a token, so it is left out.
        """
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        count = self.model.get_input_embeddings().num_embeddings
        return [token for token in ids if token < count]

    def decode(self, tokens: Sequence[int]) -> str:
        """Convert token ids to text, without special tokens."""
        text: str = self.tokenizer.decode(list(tokens), skip_special_tokens=True)
        return text


class _PromptWriter(DynamicCache):  # type: ignore[misc]  # the library is untyped
    """A cache object that writes the keys and values of prompts into the rows of a batch.

    It stores nothing itself, because a prompt is read in one call.
    """

    def __init__(self, target: RowCache, rows: Sequence[int]) -> None:
        super().__init__()
        self._target, self._rows = target, rows

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write a layer's keys and values into the rows, and return them."""
        self._target.put(self._rows, layer, keys, values)
        return keys, values


class _PrefixCache:
    """A view of the cache for processing tokens after the prompts of some rows.

    It does not store the keys and values of these tokens, so the rows do not change.
    """

    def __init__(self, source: RowCache, rows: Sequence[int], tokens: int) -> None:
        self._source, self._tokens = source, tokens
        self._rows = torch.tensor(rows, device=source.lengths.device)

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *_: object, **__: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the prompts' keys and values in a layer, followed by the new ones."""
        before = (self._source.keys[layer], self._source.values[layer])
        both = (
            torch.cat([each[self._rows, :, : self._tokens], new], dim=2)
            for each, new in zip(before, (keys, values), strict=True)
        )
        return next(both), next(both)


def arithmetic(dtype: Dtype, device: torch.device) -> torch.dtype:
    """Choose the type in which a model computes on a device."""
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
        folder: Folder of the checkpoint.
        limit: Most tokens that the model can read.
        frames: Most frames per window.
        tokens_of: Function that counts the tokens of a prompt with a number of frames.
        new_tokens: Most tokens per answer.

    Raises:
        InputError: The prompt and the answer do not fit. The message has the number of frames that
            fit.
    """
    tokens = tokens_of(frames)
    if tokens + new_tokens <= limit:
        return
    most = bisect_right(range(1, frames), limit - new_tokens, key=tokens_of)
    remedy = (
        f"Set window.frames to {most} or less (and lower window.fps to show the whole window)"
        if most
        else "Shorten the prompt or lower generation.max_new_tokens"
    )
    raise InputError(
        f"A window of {frames} frames makes a prompt of {tokens:,} tokens. With {new_tokens:,} "
        f"tokens of generation.max_new_tokens, this exceeds the {limit:,} tokens that {folder} can "
        f"read (max_position_embeddings in its config.json). {remedy}."
    )
