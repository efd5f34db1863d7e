"""Any checkpoint of images and text that transformers loads, through the library's own generate.

The processor of the checkpoint makes the prompt, from its chat template, and the pixels; the
library's `generate` (https://huggingface.co/docs/transformers/main_classes/text_generation) writes
the answers. So every architecture of the library can be compared with ours. It is slower: each
frame is encoded once per window that shows it, and a batch waits for its longest answer.
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

# Some models accept no smaller frame. The size of a video's frames may not be known yet.
_LEAST_SIDE = 64

# Logits [windows, vocabulary] and the number of tokens so far, to the next tokens and the log
# probability of each, [windows].
Choose = Callable[[torch.Tensor, int], tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True)
class WrittenAnswer:
    """An answer of the library's generate.

    Attributes:
        tokens: Ids, up to the one that ends the answer.
        logprobs: Log probability of each token, as `Choose` states it.
        hidden: What the first token's logits were made from, [width]; None if it is not kept.
    """

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    hidden: torch.Tensor | None = None


class Generic(AnsweringModel):
    """A checkpoint such as HuggingFaceTB/SmolVLM2-2.2B-Instruct or google/gemma-3-4b-it.

    Args:
        folder: a checkpoint folder, quantized or not.
        prompt: what is asked about the frames.
        footage: what the frames are made from.
        dtype: as `base.VideoLanguageModel`; the vision tower has the same.
        new_tokens: most tokens of an answer.

    Raises:
        InputError: the folder holds no model that can be shown several frames, or the model cannot
            read a full window and write an answer to it.
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
            "The model's weights are %s; it computes in %s. It runs through the library's "
            "generate, which is slower than a family of ours (docs/families.md).",
            "in 4 bits" if in_4_bits else "as they were fetched, with no 4-bit copy",
            str(self.dtype).removeprefix("torch."),
        )
        self.eos = end_tokens(
            folder,
            self._text_config.vocab_size,
            self.model.generation_config.eos_token_id,
            getattr(self._text_config, "eos_token_id", None),
            self.tokenizer.eos_token_id,
        )
        # Without the checkpoint's penalties and the like, so that scores are the model's own.
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
            how: What else the library's `from_pretrained` takes.
        """
        trust_code = _note(folder).trust_code
        config = how.pop("config", None) or read_config(folder, trust_code=trust_code)
        architecture = _architecture(config)
        return load_weights(
            architecture, folder, config=config, trust_remote_code=trust_code, **how
        )

    @classmethod
    def unquantized(cls, folder: Path) -> list[str]:
        """Name all modules that are no part of the language model's layers.

        They are the vision tower, the projector and the output layer: small, and they lose most.
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
        # A list replaces the library's own, so it must name the output layer too.
        return sorted({*beside, "lm_head"})

    @classmethod
    def check_length(cls, folder: Path, prompt: str, footage: Footage, new_tokens: int) -> None:
        """Check that the model can read a full window and write an answer; loads no weights.

        Nothing is checked where a package that the processor needs is missing: the environment of
        the jobs may be another one, and they check again.

        Raises:
            InputError: It cannot; says how many frames it can read.
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
        """Read all that prompts are made from, and find how the model is shown frames."""
        self.footage = footage
        self.config = read_config(folder, trust_code=note.trust_code)
        self.processor = _read_processor(folder, trust_code=note.trust_code)
        self.tokenizer = self.processor.tokenizer
        # The answers begin where the prompts end, at one place of the whole batch.
        self.tokenizer.padding_side = "left"
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self._asked = prompt.strip()
        self._kind = self._find_kind(folder)

    def _find_kind(self, folder: Path) -> str:
        """Find whether the processor takes frames as a video, or else as images."""
        kinds = ["video"] if getattr(self.processor, "video_processor", None) else []
        reasons = []
        for kind in [*kinds, "image"]:
            try:
                self._kind = kind
                if self._asked not in self._text(self.footage.frames):
                    raise ValueError("the chat template leaves out the text")
                self._inputs([self._blank(self.footage.frames)])
            # Each processor fails in its own way with what it does not take.
            except Exception as error:
                reasons.append(f"{kind}: {plain(str(error) or repr(error))}")
                continue
            log.info(
                "The model is shown %s, and asked as the checkpoint's chat template has it: %r",
                "a video" if kind == "video" else "images",
                self._text(1).replace(self._asked, "{prompt}"),
            )
            return kind
        raise InputError(
            f"The processor of {folder} takes neither a video nor {self.footage.frames} images "
            f"with a text ({'; '.join(reasons)}); choose another checkpoint, or copy "
            "chat_template.jinja and the processor's files of the model that it was made from "
            "there."
        )

    def _check_length(self, folder: Path, new_tokens: int) -> None:
        limit = getattr(self._text_config, "max_position_embeddings", None)
        if isinstance(limit, int):
            check_context(folder, limit, self.footage.frames, self._window_tokens, new_tokens)

    @property
    def _text_config(self) -> Any:
        return self.config.get_text_config(decoder=True)

    def _blank(self, frames: int) -> torch.Tensor:
        """A window of black frames, uint8 [frames, 3, H, W]."""
        height, width = (max(_LEAST_SIDE, n) for n in (self.footage.height, self.footage.width))
        return torch.zeros((frames, 3, height, width), dtype=torch.uint8)

    def _window_tokens(self, frames: int) -> int:
        """Count the tokens of the prompt about a window with this many frames."""
        return int(self._inputs([self._blank(frames)])["input_ids"].shape[1])

    def _text(self, frames: int) -> str:
        """The prompt about a window, as text."""
        shown = [{"type": self._kind}] * (1 if self._kind == "video" else frames)
        parts = [*map(dict, shown), {"type": "text", "text": self._asked}]
        text: str = self.processor.apply_chat_template(
            [{"role": "user", "content": parts}], add_generation_prompt=True, tokenize=False
        )
        return text

    def _inputs(self, windows: Sequence[torch.Tensor]) -> Any:
        """Make what the model takes of windows, each uint8 [frames, 3, H, W], on the CPU."""
        texts = [self._text(len(window)) for window in windows]
        if self._kind == "video":
            # The frames are sampled already; a video processor would sample them once more.
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
        """Answer windows in one call of the library; shorter prompts are padded on the left.

        Args:
            windows: Each uint8 [frames, 3, H, W]; of videos, equally many frames.
            new_tokens: Most tokens of an answer.
            choose: Chooses the next tokens.
            is_complete: Whether tokens are a complete answer, without a token that ends it.
            keeps_hidden: Whether to keep the hidden state behind each prompt.

        Raises:
            InputError: The hidden state is to be kept, and the model names no vocabulary head.
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
        """Collect what the vocabulary head reads behind the prompts of a call, [windows, width].

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
                f"{type(self.model).__name__} does not say which of its parts is the vocabulary "
                "head, whose input is learnt from; set learn: false for this model."
            )

        def keep(_: Any, given: Sequence[torch.Tensor]) -> None:
            # The first call reads the prompts, the others the tokens of answers.
            if not read:
                read.append(given[0][:, -1])

        hook = head.register_forward_pre_hook(keep)
        try:
            yield read
        finally:
            hook.remove()

    def pixels(self, frame: torch.Tensor, fit: Fit) -> torch.Tensor:  # noqa: ARG002
        """Return a frame, uint8 [3, H, W], as it is: the processor scales it; `fit` is unused."""
        return frame

    def row_bytes(self, pictures: int, new_tokens: int) -> int:
        """Estimate the memory that one more window in a batch takes.

        It is that of the keys and values of every layer, twice, as the library copies them when
        they grow, and of the widest layer while the prompt is read.
        """
        text, tokens = self._text_config, self._window_tokens(pictures)
        heads = text.num_attention_heads
        width = getattr(text, "head_dim", None) or text.hidden_size // heads
        kept = 2 * text.num_hidden_layers * (getattr(text, "num_key_value_heads", None) or heads)
        read = 4 * (getattr(text, "intermediate_size", None) or 4 * text.hidden_size)
        numbers = 2 * kept * width * (tokens + new_tokens) + read * tokens
        return int(numbers * self.dtype.itemsize)

    def unpacked_bytes(self) -> int:
        """Return the memory that `unpack` would take beyond what the weights take now."""
        return unpacked_bytes(self.model, self.dtype)

    def unpack(self) -> None:
        """Turn 4-bit weights into what every product with them would turn them into each time."""
        unpack(self.model, self.dtype)

    def decode(self, tokens: Sequence[int]) -> str:
        """Turn token ids into text, without special tokens."""
        text: str = self.tokenizer.decode(list(tokens), skip_special_tokens=True)
        return text


class _Answers:
    """The answers of a call of generate, while they are written."""

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
        """Choose the next tokens, [windows], and add them to the answers that go on."""
        chosen, logprobs = self._choose(logits, self._steps)
        self._steps += 1
        for row, (token, logprob) in enumerate(
            zip(chosen.tolist(), logprobs.tolist(), strict=True)
        ):
            if self.has_ended[row]:
                continue
            self.tokens[row].append(token)
            self.logprobs[row].append(logprob)
            # A log probability that is not a number is that of no token.
            is_number = logprob == logprob
            self.has_ended[row] = (
                not is_number or token in self._eos or self._is_complete(self.tokens[row])
            )
        return chosen


class _Choice(LogitsProcessor):  # type: ignore[misc]  # the library is untyped
    """Leaves the library one token per window to choose from.

    So random numbers are a window's own, where the library draws from one generator for a batch.
    """

    def __init__(self, answers: _Answers) -> None:
        self._answers = answers

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        chosen = self._answers.add(scores)
        return torch.full_like(scores, -torch.inf).scatter(1, chosen[:, None], 0.0)


class _Stop(StoppingCriteria):  # type: ignore[misc]  # the library is untyped
    """Ends the answers that are complete."""

    def __init__(self, answers: _Answers) -> None:
        self._answers = answers

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:  # noqa: ARG002
        return torch.tensor(self._answers.has_ended, device=input_ids.device)


def _note(folder: Path) -> GenericNote:
    """The note of a folder; the user's own folder has none, and its code is not trusted."""
    return read_note(folder) or GenericNote()


def _architecture(config: Any) -> Any:
    """The library's class that makes a model of images, or else of videos, and text."""
    auto_map = getattr(config, "auto_map", None) or {}
    known = config.model_type in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
    if known or AutoModelForImageTextToText.__name__ in auto_map:
        return AutoModelForImageTextToText
    return AutoModelForMultimodalLM


def _image(frame: torch.Tensor) -> Image.Image:
    """A frame, uint8 [3, H, W], as every processor takes it."""
    return Image.fromarray(frame.permute(1, 2, 0).contiguous().numpy())


def _read_processor(folder: Path, *, trust_code: bool) -> Any:
    """Read the processor of a checkpoint: its tokenizer, chat template, and scaling of pictures.

    Raises:
        InputError: There is none, it has no chat template, or it needs a package that is missing.
    """
    try:
        processor = AutoProcessor.from_pretrained(
            folder, local_files_only=True, trust_remote_code=trust_code
        )
    except ImportError as error:
        reason = str(error).strip()
        advice = "install it where the jobs run"
        if "torchvision" in reason.lower():
            reason = reason.partition(" but ")[0]
            advice = f"install the version of torchvision that goes with torch {torch.__version__}"
        raise InputError(
            f"The processor of {folder} needs a package that is missing ({plain(reason)}); "
            f"{advice}."
        ) from error
    # The library raises whatever a broken file, or code that is not trusted, makes it raise.
    except Exception as error:
        if "trust_remote_code" in str(error):
            raise InputError(refused_code(folder)) from error
        raise InputError(
            f"{folder} has no processor that can be read ({plain(repr(error))}); copy the "
            "processor's files of the model that it was made from there."
        ) from error
    if not isinstance(processor, ProcessorMixin) or not hasattr(processor, "tokenizer"):
        raise InputError(
            f"{folder} states no processor of images and text (processor_class in "
            "processor_config.json or preprocessor_config.json); copy the processor's files of the "
            "model that it was made from there."
        )
    if not processor.chat_template:
        raise InputError(
            f"{folder} has no chat template, so there is no telling how the model is asked; copy "
            "chat_template.jinja of the model that it was made from there."
        )
    return processor
