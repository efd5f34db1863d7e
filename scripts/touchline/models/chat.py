"""Write the prompt in the form that a checkpoint expects, and find the tokens that end its answers.

Models are tuned on conversations of one form. LLaVA-NeXT-Video has three forms (Vicuna's, Mistral's
and ChatML, depending on its language model), and a fine-tuned model may have its own form.
Therefore the checkpoint's own chat template makes the prompt. With another form, answers get worse
without any message.
"""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from touchline.core.files import read_json
from touchline.errors import InputError, plain

log = logging.getLogger(__name__)


def read_tokenizer(folder: Path) -> Any:
    """Read the tokenizer of a checkpoint folder with transformers.

    Raises:
        InputError: the tokenizer is missing or cannot be read here.
    """
    from transformers import AutoTokenizer

    if not (folder / "tokenizer.json").exists():
        only = folder / "tokenizer.model"
        if only.exists() and not (find_spec("sentencepiece") and find_spec("google.protobuf")):
            raise InputError(
                f"{folder} has no tokenizer.json. To read its tokenizer.model, install two more "
                "packages: pip install sentencepiece protobuf"
            )
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # A broken file can raise any exception in the library.
        raise InputError(
            f"{folder} has no readable tokenizer ({plain(repr(error))}). Copy tokenizer.json and "
            "tokenizer_config.json of its base model into it."
        ) from error


def prompt_text(tokenizer: Any, folder: Path, asked: str, video: str, usual: str) -> str:
    """Return the prompt about a video as text, with the video's token exactly once.

    Args:
        tokenizer: tokenizer of the checkpoint.
        folder: folder of the checkpoint.
        asked: the user's text.
        video: the token that stands for the video.
        usual: the family's template with {video} and {prompt}, for checkpoints without a template.

    Raises:
        InputError: the checkpoint's template does not accept a video and a text, or the user's text
            contains the video's token.
    """
    if video in asked:
        raise InputError(
            f"The prompt contains {video}, which stands for the video in this model. Remove it, "
            "because Touchline inserts the video."
        )
    if tokenizer.convert_tokens_to_ids(video) in (None, tokenizer.unk_token_id):
        raise InputError(
            f"The tokenizer of {folder} has no token {video}, so the model cannot see a video. "
            "Copy tokenizer.json and tokenizer_config.json of its base model into it."
        )
    source, template = _template(tokenizer, folder)
    if template is None:
        text = usual.format(video=video, prompt=asked)
        log.info("The checkpoint has no chat template. Its family's template is used: %r", usual)
        return text
    # In the template of a pure language model, a message is a text instead of a list of parts.
    parts = [{"type": "video"}, {"type": "text", "text": asked}]
    reason = "it leaves out the video or the text"
    for content in (parts, f"{video}\n{asked}"):
        message = {"role": "user", "content": content}
        try:
            text = tokenizer.apply_chat_template(
                [message], chat_template=template, tokenize=False, add_generation_prompt=True
            )
        # A template can raise these errors. The library runs it in a sandbox.
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
            reason = plain(repr(error))
            continue
        if text.count(video) == 1 and asked in text:
            form = text.replace(asked, "{prompt}").replace(video, "{video}")
            log.info("The prompt has the form of the checkpoint's %s: %r", source, form)
            return str(text)
    raise InputError(
        f"{folder / source} cannot make a prompt from a video and a text ({reason}). Copy the chat "
        "template of its base model into it."
    )


def _template(tokenizer: Any, folder: Path) -> tuple[str, str | None]:
    """Return the name of the file with a checkpoint's chat template, and the template."""
    jinja, processor = folder / "chat_template.jinja", folder / "chat_template.json"
    if not jinja.exists() and processor.exists():
        stated = read_json(processor)
        return processor.name, stated.get("chat_template") if isinstance(stated, dict) else None
    # A tokenizer may have several templates, by name.
    template = tokenizer.chat_template
    if isinstance(template, dict):
        template = template.get("default")
    return jinja.name if jinja.exists() else "tokenizer_config.json", template


def token_ids(tokenizer: Any, text: str) -> list[int]:
    """Return the token ids of a prompt.

    Add the start token if the model has one and the text lacks it.
    """
    begun = tokenizer.bos_token is not None and text.startswith(tokenizer.bos_token)
    # The tokenizer's length warning is off, because families check the model's own limit.
    ids: list[int] = tokenizer(text, add_special_tokens=not begun, verbose=False)["input_ids"]
    return ids


def end_tokens(folder: Path, vocabulary: int, *stated: Any) -> frozenset[int]:
    """Return the ids that end an answer, from the first source that names any valid ids.

    Args:
        folder: folder of the checkpoint.
        vocabulary: number of tokens that the model knows.
        stated: value of each source: an id, a list of ids, or None.

    Raises:
        InputError: no source names an id, so no answer would end.
    """
    for ids in stated:
        several = ids if isinstance(ids, (list, tuple)) else [ids]
        known = {each for each in several if isinstance(each, int) and 0 <= each < vocabulary}
        if known:
            return frozenset(known)
    raise InputError(
        f"{folder} names no token that ends an answer (eos_token_id in generation_config.json), "
        "so no answer would end. Copy generation_config.json of its base model into it."
    )
