"""How a checkpoint wants to be asked, and with which tokens its answers end.

Models are tuned on conversations of one form. LLaVA-NeXT-Video has three (Vicuna's, Mistral's and
ChatML, by its language model), and a fine-tuned model may have its own. So the checkpoint's own
chat template makes the prompt; asked in other words, a model answers worse without a sign of it.
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
    """The tokenizer of a checkpoint folder, transformers' own.

    Raises:
        InputError: there is none that can be read here.
    """
    from transformers import AutoTokenizer

    if not (folder / "tokenizer.json").exists():
        only = folder / "tokenizer.model"
        if only.exists() and not (find_spec("sentencepiece") and find_spec("google.protobuf")):
            raise InputError(
                f"{folder} has no tokenizer.json; to read its tokenizer.model, install two more "
                "packages: pip install sentencepiece protobuf"
            )
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # The library raises whatever a broken file makes it raise.
        raise InputError(
            f"{folder} has no tokenizer that can be read ({plain(repr(error))}); copy "
            "tokenizer.json and tokenizer_config.json of the model that it was made from there."
        ) from error


def prompt_text(tokenizer: Any, folder: Path, asked: str, video: str, usual: str) -> str:
    """What a model is asked about a video, as text in which the video's token stands once.

    Args:
        tokenizer: of the checkpoint.
        asked: the user's words.
        video: the token that stands for the video.
        usual: the family's template, with {video} and {prompt}, for checkpoints without one.

    Raises:
        InputError: the checkpoint's template does not take a video and a text; or the user's
            words hold the video's token.
    """
    if video in asked:
        raise InputError(
            f"The prompt holds {video}, which stands for the video in this model's language; "
            "take it out: the video is put in by itself."
        )
    if tokenizer.convert_tokens_to_ids(video) in (None, tokenizer.unk_token_id):
        raise InputError(
            f"The tokenizer of {folder} has no token {video}, so the model cannot be shown a "
            "video; copy tokenizer.json and tokenizer_config.json of the model that it was made "
            "from there."
        )
    source, template = _template(tokenizer, folder)
    if template is None:
        text = usual.format(video=video, prompt=asked)
        log.info("The checkpoint has no chat template; it is asked as its family is: %r", usual)
        return text
    # Where a template is a language model's own, a message is a text and not a list of parts.
    parts = [{"type": "video"}, {"type": "text", "text": asked}]
    reason = "it leaves out the video or the text"
    for content in (parts, f"{video}\n{asked}"):
        message = {"role": "user", "content": content}
        try:
            text = tokenizer.apply_chat_template(
                [message], chat_template=template, tokenize=False, add_generation_prompt=True
            )
        # What a template may run into; the library runs it in a sandbox.
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
            reason = plain(repr(error))
            continue
        if text.count(video) == 1 and asked in text:
            form = text.replace(asked, "{prompt}").replace(video, "{video}")
            log.info("The model is asked as the checkpoint's %s has it: %r", source, form)
            return str(text)
    raise InputError(
        f"{folder / source} makes no prompt of a video and a text ({reason}); copy the chat "
        "template of the model that it was made from there."
    )


def _template(tokenizer: Any, folder: Path) -> tuple[str, str | None]:
    """The file that a checkpoint's chat template stands in, and the template."""
    jinja, processor = folder / "chat_template.jinja", folder / "chat_template.json"
    if not jinja.exists() and processor.exists():
        stated = read_json(processor)
        return processor.name, stated.get("chat_template") if isinstance(stated, dict) else None
    # A tokenizer may have several, by name.
    template = tokenizer.chat_template
    if isinstance(template, dict):
        template = template.get("default")
    return jinja.name if jinja.exists() else "tokenizer_config.json", template


def token_ids(tokenizer: Any, text: str) -> list[int]:
    """The ids of a prompt's tokens, with one token of the beginning where the model has one."""
    begun = tokenizer.bos_token is not None and text.startswith(tokenizer.bos_token)
    # Not verbose: the tokenizer's own limit need not be the model's, which families check.
    ids: list[int] = tokenizer(text, add_special_tokens=not begun, verbose=False)["input_ids"]
    return ids


def end_tokens(folder: Path, vocabulary: int, *stated: Any) -> frozenset[int]:
    """The ids that end an answer: of the first source that states any that exist.

    Args:
        vocabulary: how many tokens the model knows.
        stated: what each source states: an id, a list of ids, or None.

    Raises:
        InputError: none does, so no answer would end.
    """
    for ids in stated:
        several = ids if isinstance(ids, (list, tuple)) else [ids]
        known = {each for each in several if isinstance(each, int) and 0 <= each < vocabulary}
        if known:
            return frozenset(known)
    raise InputError(
        f"{folder} states no token that ends an answer (eos_token_id in generation_config.json), "
        "so no answer would end; copy generation_config.json of the model that it was made from "
        "there."
    )
