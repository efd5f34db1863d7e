"""Run any image-text checkpoint that transformers loads, with the library's own `generate`.

The checkpoint's processor makes the prompt from its chat template. It also prepares the pixels. The
library's `generate` (https://huggingface.co/docs/transformers/main_classes/text_generation) writes
the answers. So every architecture of the library can be compared with our families. This way is
slower: each frame is encoded once per window, and a batch waits for its longest answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import (
    AutoModelForImageTextToText,
    AutoModelForMultimodalLM,
    AutoProcessor,
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedModel,
    ProcessorMixin,
    StoppingCriteria,
    StoppingCriteriaList,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
from transformers.video_utils import VideoMetadata

from touchline.errors import InputError, plain
from touchline.models.chat import end_tokens
from touchline.models.families.base import (
    AnsweringModel,
    Dtype,
    Footage,
    check_context,
)
from touchline.models.loading import load_weights, read_config
from touchline.models.quantization import nf4
from touchline.models.unpacking import unpack, unpacked_bytes
from touchline.video.transforms import Fit
from touchline.weights.checkpoints import GenericNote, check, read_note, refused_code

log = logging.getLogger(__name__)

# Least side of a frame in pixels that all models accept. The true size may not be known yet.
_LEAST_SIDE = 64

# Function from logits [windows, vocabulary] and the number of tokens so far to the next tokens and
# their log probabilities, [windows] each.
Choose = Callable[[torch.Tensor, int], tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True)
class WrittenAnswer:
    """An answer from the library's `generate`.

    Attributes:
        tokens: Token ids, up to the id that ends the answer.
        logprobs: Log probability of each token from `Choose`.
        hidden: Hidden state that predicts the first token, [width]; None if it is not kept.
    """

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    hidden: torch.Tensor | None = None


class Generic(AnsweringModel):
    """A checkpoint such as HuggingFaceTB/SmolVLM2-2.2B-Instruct or google/gemma-3-4b-it.

    Args:
        folder: a checkpoint folder, quantized or not.
        prompt: text of the prompt.
        footage: the frames that the model sees.
        dtype: see `base.VideoLanguageModel`. The vision tower has the same type.
        new_tokens: most tokens per answer.

    Raises:
        InputError: the folder has no model for several frames, or the model cannot read a full
            window and write an answer.
    """

    def __init__(
        self,
        folder: Path,
        prompt: str,
        footage: Footage,
        dtype: Dtype = "auto",
        new_tokens: int = 0,
    ) -> None:
        self._choose_arithmetic(dtype)
        note = _note(folder)
        check(folder, note=note)
        self._read_files(folder, note, prompt, footage)
        self._check_length(folder, new_tokens)
        in_4_bits = self._compute_4_bits()
        how: dict[str, Any] = {}
        if not in_4_bits and note.quantizes_at_load:
            in_4_bits = True
            how["quantization_config"] = nf4(self.unquantized(folder), self.dtype)
        self.model = self.load(
            folder, config=self.config, dtype=self.dtype, device_map=self.device, **how
        ).eval()
        if in_4_bits:
            self._cast_weights(lambda _: self.dtype)
        log.info(
            "The model's weights are %s. It computes in %s. It runs through the library's "
            "generate, which is slower than our own families (docs/families.md).",
            "in 4 bits" if in_4_bits else "not in 4 bits",
            str(self.dtype).removeprefix("torch."),
        )
        self.eos = end_tokens(
            folder,
            self._text_config.vocab_size,
            self.model.generation_config.eos_token_id,
            getattr(self._text_config, "eos_token_id", None),
            self.tokenizer.eos_token_id,
        )
        # Drop the checkpoint's penalties and other changes, so that scores are the model's own.
        self.model.generation_config = GenerationConfig(
            bos_token_id=self.model.generation_config.bos_token_id,
            decoder_start_token_id=self.model.generation_config.decoder_start_token_id,
            eos_token_id=sorted(self.eos),
            pad_token_id=self.tokenizer.pad_token_id,
            do_sample=False,
        )

    @classmethod
    def load(cls, folder: Path, **how: Any) -> PreTrainedModel:
        """Load a checkpoint's weights.

        Args:
            folder: Folder of the checkpoint.
            how: Further arguments of the library's `from_pretrained`.
        """
        trust_code = _note(folder).trust_code
        config = how.pop("config", None) or read_config(folder, trust_code=trust_code)
        architecture = _architecture(config)
        return load_weights(
            architecture, folder, config=config, trust_remote_code=trust_code, **how
        )

    @classmethod
    def unquantized(cls, folder: Path) -> list[str]:
        """Return the names of all modules outside the language model's layers.

        They are the vision tower, the projector and the output layer. They are small, and 4 bits
        would cost them the most accuracy.
        """
        trust_code = _note(folder).trust_code
        config = read_config(folder, trust_code=trust_code)
        with torch.device("meta"):
            model = _architecture(config).from_config(config, trust_remote_code=trust_code)
        decoder = model.get_decoder()
        path = next(name for name, module in model.named_modules() if module is decoder)
        beside, parent = [], model
        for depth, step in enumerate(path.split(".") if path else []):
            prefix = ".".join(path.split(".")[:depth])
            beside += [
                f"{prefix}.{name}".lstrip(".")
                for name, _ in parent.named_children()
                if name != step
            ]
            parent = parent.get_submodule(step)
        # This list replaces the library's own list, so it must include the output layer.
        return sorted({*beside, "lm_head"})

    @classmethod
    def check_length(cls, folder: Path, prompt: str, footage: Footage, new_tokens: int) -> None:
        """Check that the model can read a full window and write an answer. Load no weights.

        Check nothing if a package that the processor needs is missing. Jobs may run in another
        environment, and they repeat the check.

        Raises:
            InputError: The context is too short. The message has the number of frames that fit.
        """
        unloaded = cls.__new__(cls)
        try:
            unloaded._read_files(folder, _note(folder), prompt, footage)
        except InputError as error:
            if isinstance(error.__cause__, ImportError):
                return
            raise
        unloaded._check_length(folder, new_tokens)

    def _read_files(self, folder: Path, note: GenericNote, prompt: str, footage: Footage) -> None:
        """Read the files that determine the prompts, and find how to pass frames to the model."""
        self.footage = footage
        self.config = read_config(folder, trust_code=note.trust_code)
        self.processor = _read_processor(folder, trust_code=note.trust_code)
        self.tokenizer = self.processor.tokenizer
        # Padding on the left makes all answers of a batch begin at one place.
        self.tokenizer.padding_side = "left"
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self._asked = prompt.strip()
        self._kind = self._find_kind(folder)

    def _find_kind(self, folder: Path) -> str:
        """Return "video" if the processor accepts frames as a video, or else "image"."""
        kinds = ["video"] if getattr(self.processor, "video_processor", None) else []
        reasons = []
        for kind in [*kinds, "image"]:
            try:
                self._kind = kind
                if self._asked not in self._text(self.footage.frames):
                    raise ValueError("the chat template leaves out the text")
                self._inputs([self._blank(self.footage.frames)])
            # Each processor refuses unsupported inputs in its own way.
            except Exception as error:
                reasons.append(f"{kind}: {plain(str(error) or repr(error))}")
                continue
            log.info(
                "The model sees %s. The prompt has the form of the checkpoint's chat template: %r",
                "a video" if kind == "video" else "images",
                self._text(1).replace(self._asked, "{prompt}"),
            )
            return kind
        raise InputError(
            f"The processor of {folder} accepts neither a video nor {self.footage.frames} images "
            f"with a text ({'; '.join(reasons)}). Choose another checkpoint, or copy "
            "chat_template.jinja and the processor's files of its base model into it."
        )

    def _check_length(self, folder: Path, new_tokens: int) -> None:
        """Check that a full window and an answer fit into the context."""
        limit = getattr(self._text_config, "max_position_embeddings", None)
        if isinstance(limit, int):
            check_context(folder, limit, self.footage.frames, self._window_tokens, new_tokens)

    @property
    def _text_config(self) -> Any:
        """Return the configuration of the language model."""
        return self.config.get_text_config(decoder=True)

    def _blank(self, frames: int) -> torch.Tensor:
        """Return a window of black frames, uint8 [frames, 3, H, W]."""
        height, width = (max(_LEAST_SIDE, n) for n in (self.footage.height, self.footage.width))
        return torch.zeros((frames, 3, height, width), dtype=torch.uint8)

    def _window_tokens(self, frames: int) -> int:
        """Count the tokens of the prompt about a window with this number of frames."""
        return int(self._inputs([self._blank(frames)])["input_ids"].shape[1])

    def _text(self, frames: int) -> str:
        """Return the prompt about a window as text."""
        shown = [{"type": self._kind}] * (1 if self._kind == "video" else frames)
        parts = [*map(dict, shown), {"type": "text", "text": self._asked}]
        text: str = self.processor.apply_chat_template(
            [{"role": "user", "content": parts}], add_generation_prompt=True, tokenize=False
        )
        return text

    def _inputs(self, windows: Sequence[torch.Tensor]) -> Any:
        """Convert windows, uint8 [frames, 3, H, W] each, to the model's inputs on the CPU."""
        texts = [self._text(len(window)) for window in windows]
        if self._kind == "video":
            # The frames are already sampled, so keep the video processor from sampling them again.
            metadata = [
                VideoMetadata(
                    total_num_frames=len(window),
                    fps=self.footage.fps,
                    duration=len(window) / self.footage.fps,
                    frames_indices=list(range(len(window))),
                )
                for window in windows
            ]
            shown: dict[str, Any] = {
                "videos": list(windows),
                "videos_kwargs": {"do_sample_frames": False, "video_metadata": metadata},
            }
        else:
            shown = {"images": [[_image(frame) for frame in window] for window in windows]}
        begin = self.tokenizer.bos_token
        is_begun = begin is not None and texts[0].startswith(begin)
        return self.processor(
            text=texts,
            **shown,
            return_tensors="pt",
            text_kwargs={"padding": True, "add_special_tokens": not is_begun},
        )

    @torch.inference_mode()
    def generate(
        self,
        windows: Sequence[torch.Tensor],
        new_tokens: int,
        *,
        choose: Choose,
        is_complete: Callable[[Sequence[int]], bool],
        keeps_hidden: bool = False,
    ) -> list[WrittenAnswer]:
        """Answer windows in one call of the library. Shorter prompts are padded on the left.

        Args:
            windows: Windows, uint8 [frames, 3, H, W] each. If the model takes videos (not lists of
                images), all windows need the same number of frames.
            new_tokens: Most tokens per answer.
            choose: Function that chooses the next tokens.
            is_complete: Function that says whether tokens are a complete answer without an end
                token.
            keeps_hidden: Whether to keep the hidden state after each prompt.

        Raises:
            InputError: The hidden state is wanted, but the model names no vocabulary head.
        """
        inputs = self._inputs(windows).to(self.device, dtype=self.dtype)
        answers = _Answers(len(windows), choose, self.eos, is_complete)
        with self._hidden_states(keeps_hidden) as read:
            self.model.generate(
                **inputs,
                max_new_tokens=new_tokens,
                logits_processor=LogitsProcessorList([_Choice(answers)]),
                stopping_criteria=StoppingCriteriaList([_Stop(answers)]),
            )
        hidden = read[0] if read else [None] * len(windows)
        return [
            WrittenAnswer(tuple(tokens), tuple(logprobs), state)
            for tokens, logprobs, state in zip(
                answers.tokens, answers.logprobs, hidden, strict=True
            )
        ]

    @contextmanager
    def _hidden_states(self, keeps_hidden: bool) -> Iterator[list[torch.Tensor]]:
        """Collect the input of the vocabulary head after the prompts of a call, [windows, width].

        Raises:
            InputError: The model names no vocabulary head.
        """
        read: list[torch.Tensor] = []
        if not keeps_hidden:
            yield read
            return
        head = self.model.get_output_embeddings()
        if head is None:
            raise InputError(
                f"{type(self.model).__name__} does not name its vocabulary head, so features for "
                "learning cannot be kept. Set learn: false for this model."
            )

        def keep(_: Any, given: Sequence[torch.Tensor]) -> None:
            # The first call reads the prompts. Later calls read tokens of answers.
            """Keep the input of the vocabulary head."""
            if not read:
                read.append(given[0][:, -1])

        hook = head.register_forward_pre_hook(keep)
        try:
            yield read
        finally:
            hook.remove()

    def pixels(self, frame: torch.Tensor, fit: Fit) -> torch.Tensor:  # noqa: ARG002
        """Return a frame, uint8 [3, H, W], unchanged.

        The processor scales it, so `fit` is unused.
        """
        return frame

    def row_bytes(self, pictures: int, new_tokens: int) -> int:
        """Estimate the memory of one more window in a batch, in bytes.

        The estimate is the widest layer while the prompt is read, plus twice the keys and values of
        every layer. They count twice because the library copies them to make room for more.
        """
        text, tokens = self._text_config, self._window_tokens(pictures)
        heads = text.num_attention_heads
        width = getattr(text, "head_dim", None) or text.hidden_size // heads
        kept = 2 * text.num_hidden_layers * (getattr(text, "num_key_value_heads", None) or heads)
        read = 4 * (getattr(text, "intermediate_size", None) or 4 * text.hidden_size)
        numbers = 2 * kept * width * (tokens + new_tokens) + read * tokens
        return int(numbers * self.dtype.itemsize)

    def unpacked_bytes(self) -> int:
        """Return the additional memory that `unpack` would take, in bytes."""
        return unpacked_bytes(self.model, self.dtype)

    def unpack(self) -> None:
        """Convert 4-bit weights to plain weights once, instead of in every product."""
        unpack(self.model, self.dtype)

    def decode(self, tokens: Sequence[int]) -> str:
        """Convert token ids to text, without special tokens."""
        text: str = self.tokenizer.decode(list(tokens), skip_special_tokens=True)
        return text


class _Answers:
    """The answers of a `generate` call while they are written."""

    def __init__(
        self,
        count: int,
        choose: Choose,
        eos: frozenset[int],
        is_complete: Callable[[Sequence[int]], bool],
    ) -> None:
        self.tokens: list[list[int]] = [[] for _ in range(count)]
        self.logprobs: list[list[float]] = [[] for _ in range(count)]
        self.has_ended = [False] * count
        self._choose, self._eos, self._is_complete = choose, eos, is_complete
        self._steps = 0

    def add(self, logits: torch.Tensor) -> torch.Tensor:
        """Choose the next tokens, [windows], and add them to the unfinished answers."""
        chosen, logprobs = self._choose(logits, self._steps)
        self._steps += 1
        for row, (token, logprob) in enumerate(
            zip(chosen.tolist(), logprobs.tolist(), strict=True)
        ):
            if self.has_ended[row]:
                continue
            self.tokens[row].append(token)
            self.logprobs[row].append(logprob)
            # A log probability that is not a number belongs to no token.
            is_number = logprob == logprob
            self.has_ended[row] = (
                not is_number or token in self._eos or self._is_complete(self.tokens[row])
            )
        return chosen


class _Choice(LogitsProcessor):  # type: ignore[misc]  # the library is untyped
    """A logits processor that chooses the next token itself and excludes all others.

    Each window has its own random numbers. The library would use one generator per batch.
    """

    def __init__(self, answers: _Answers) -> None:
        self._answers = answers

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        """Choose the next tokens, and exclude all other tokens."""
        chosen = self._answers.add(scores)
        return torch.full_like(scores, -torch.inf).scatter(1, chosen[:, None], 0.0)


class _Stop(StoppingCriteria):  # type: ignore[misc]  # the library is untyped
    """A stopping criterion that ends complete answers."""

    def __init__(self, answers: _Answers) -> None:
        self._answers = answers

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:  # noqa: ARG002
        """Return whether each answer has ended."""
        return torch.tensor(self._answers.has_ended, device=input_ids.device)


def _note(folder: Path) -> GenericNote:
    """Return the note of a folder.

    A folder that the user made has no note, and its code is not trusted.
    """
    return read_note(folder) or GenericNote()


def _architecture(config: Any) -> Any:
    """Return the library's class for image-text models, or else multimodal models."""
    auto_map = getattr(config, "auto_map", None) or {}
    known = config.model_type in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
    if known or AutoModelForImageTextToText.__name__ in auto_map:
        return AutoModelForImageTextToText
    return AutoModelForMultimodalLM


def _image(frame: torch.Tensor) -> Image.Image:
    """Convert a frame, uint8 [3, H, W], to an image that every processor accepts."""
    return Image.fromarray(frame.permute(1, 2, 0).contiguous().numpy())


def _read_processor(folder: Path, *, trust_code: bool) -> Any:
    """Read a checkpoint's processor: its tokenizer, chat template and scaling of pictures.

    Raises:
        InputError: The processor or its chat template is missing, or it needs a missing package.
    """
    try:
        processor = AutoProcessor.from_pretrained(
            folder, local_files_only=True, trust_remote_code=trust_code
        )
    except ImportError as error:
        reason = str(error).strip()
        advice = "Install it in the environment of the jobs"
        if "torchvision" in reason.lower():
            reason = reason.partition(" but ")[0]
            advice = f"Install the version of torchvision for torch {torch.__version__}"
        raise InputError(
            f"The processor of {folder} needs a missing package ({plain(reason)}). {advice}."
        ) from error
    # A broken file, or code that is not trusted, can raise any exception in the library.
    except Exception as error:
        if "trust_remote_code" in str(error):
            raise InputError(refused_code(folder)) from error
        raise InputError(
            f"{folder} has no readable processor ({plain(repr(error))}). Copy the processor's "
            "files of its base model into it."
        ) from error
    if not isinstance(processor, ProcessorMixin) or not hasattr(processor, "tokenizer"):
        raise InputError(
            f"{folder} names no processor of images and text (processor_class in "
            "processor_config.json or preprocessor_config.json). Copy the processor's files of its "
            "base model into it."
        )
    if not processor.chat_template:
        raise InputError(
            f"{folder} has no chat template, so the form of the prompt is unknown. Copy "
            "chat_template.jinja of its base model into it."
        )
    return processor
