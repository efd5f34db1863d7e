"""Test the form of prompts, and the tokens that end answers."""

import json
import logging
import shutil

import pytest
import torch

from rounding import assert_near
from touchline.errors import InputError
from touchline.models.chat import end_tokens
from touchline.models.families.base import Footage
from touchline.models.families.llava_next_video import LlavaNextVideo
from touchline.models.families.qwen2_5_vl import Qwen25VL
from touchline.models.preprocessing import Normalization, read_normalization, read_processor

FOOTAGE = Footage(320, 180, 1.0)
PROMPT = "What happens?\nAnswer in one word."

# As the hub's LLaVA checkpoints have it; parts that a template of theirs names are made up here.
VICUNA = (
    "{% for m in messages %}{{ m['role'].upper() + ': ' }}"
    "{% for c in m['content'] | selectattr('type', 'equalto', 'video') %}{{ '<video>\n' }}"
    "{% endfor %}{% for c in m['content'] | selectattr('type', 'equalto', 'text') %}"
    "{{ c['text'] + ' ' }}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
# The template of a language model, which knows texts only.
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}"
    "{{ '[INST] ' + m['content'] + ' [/INST]' }}{% endif %}{% endfor %}"
)
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for c in m['content'] %}"
    "{% if c['type'] == 'video' %}<video>\n{% elif c['type'] == 'text' %}{{ c['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
QWEN = (
    "{% for m in messages %}{% if loop.first and m['role'] != 'system' %}<|im_start|>system\n"
    "You are a helpful assistant.<|im_end|>\n{% endif %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['content'] is string %}{{ m['content'] }}<|im_end|>\n{% else %}"
    "{% for c in m['content'] %}{% if c['type'] == 'video' %}"
    "<|vision_start|><|video_pad|><|vision_end|>{% elif 'text' in c %}{{ c['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture
def changed(tmp_path):
    """Return a function that copies a checkpoint with changed files. None removes a file."""

    def copy(checkpoint, **files):
        folder = tmp_path / "model"
        shutil.copytree(checkpoint, folder)
        for name, content in files.items():
            path = folder / name.replace("__", ".")
            if content is None:
                path.unlink()
            else:
                path.write_text(content if isinstance(content, str) else json.dumps(content))
        return folder

    return copy


def with_entries(checkpoint, name, **entries):
    """Return a JSON file of the checkpoint with some entries changed."""
    return json.loads((checkpoint / name).read_text()) | entries


def asked(model):
    """Return the prompt about two pictures as text, with one token for them."""
    text = model.tokenizer.decode(model.prompt(2).ids)
    return text.replace(model.video_token * (2 * model.tokens_per_picture), "{video}")


@pytest.mark.parametrize(
    "place", ["chat_template__jinja", "chat_template__json", "tokenizer_config__json"]
)
@pytest.mark.parametrize(
    ("template", "words"),
    [
        (VICUNA, f"<s> USER: {{video}}\n{PROMPT} ASSISTANT:"),
        (MISTRAL, f"<s>[INST] {{video}}\n{PROMPT} [/INST]"),
        (
            CHATML,
            f"<s> <|im_start|>user\n{{video}}\n{PROMPT}<|im_end|>\n<|im_start|>assistant\n",
        ),
    ],
    ids=["vicuna", "mistral", "chatml"],
)
def test_prompt_has_the_form_of_the_checkpoint_s_template(
    checkpoint, changed, caplog, place, template, words
):
    content = {
        "chat_template__jinja": template,
        "chat_template__json": {"chat_template": template},
        "tokenizer_config__json": with_entries(
            checkpoint, "tokenizer_config.json", chat_template=template
        ),
    }[place]
    with caplog.at_level(logging.INFO):
        model = LlavaNextVideo(changed(checkpoint, **{place: content}), PROMPT, FOOTAGE)
    # The tiny tokenizer puts no space after its first token.
    assert asked(model).replace("<s> ", "<s>") == words.replace("<s> ", "<s>")
    assert (model.prompt(2).ids == model.tokenizer.bos_token_id).sum() == 1
    assert f"form of the checkpoint's {place.replace('__', '.')}: " in caplog.text


def test_template_of_a_family_equals_the_chat_template_on_the_hub(
    checkpoint, qwen_checkpoint, changed, caplog
):
    for kind, folder, template in (
        (LlavaNextVideo, checkpoint, VICUNA),
        (Qwen25VL, qwen_checkpoint, QWEN),
    ):
        with caplog.at_level(logging.INFO):
            usual = kind(folder, PROMPT, FOOTAGE)
        assert "has no chat template. Its family's template is used" in caplog.text
        own = changed(folder, chat_template__jinja=template)
        assert torch.equal(kind(own, PROMPT, FOOTAGE).prompt(3).ids, usual.prompt(3).ids)
        shutil.rmtree(own)


@pytest.mark.parametrize(
    "template",
    [
        "{{ messages[0]['content'][1]['text'] }}",
        "{% for c in messages[0]['content'] %}<video>{% endfor %}",
        "{{ raise_exception('System role not supported') }}",
        "{% if %}",
        "{{ messages.__class__.__mro__ }}",
        "{{ 1 / 0 }}",
        "{% for i in range(999999999) %}<video>{% endfor %}",
        "",
    ],
    ids=["no video", "no text", "refuses", "broken", "unsafe", "fails", "endless", "empty"],
)
def test_unusable_chat_template_is_refused_in_one_sentence(checkpoint, changed, template):
    with pytest.raises(InputError) as raised:
        LlavaNextVideo(changed(checkpoint, chat_template__jinja=template), PROMPT, FOOTAGE)
    assert "chat_template.jinja cannot make a prompt from a video and a text (" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_prompt_with_the_video_token_is_refused(checkpoint):
    with pytest.raises(InputError, match="The prompt contains <video>"):
        LlavaNextVideo(checkpoint, "Look at <video> and tell.", FOOTAGE)


@pytest.mark.parametrize("kind", [LlavaNextVideo, Qwen25VL])
def test_end_tokens_are_found_without_generation_config(kind, checkpoint, qwen_checkpoint, changed):
    source = checkpoint if kind is LlavaNextVideo else qwen_checkpoint
    usual = kind(source, PROMPT, FOOTAGE).eos
    assert usual
    assert all(isinstance(each, int) for each in usual)
    folder = changed(source, generation_config__json=None)
    assert kind(folder, PROMPT, FOOTAGE).eos == usual
    config = with_entries(folder, "config.json")
    config["text_config"].pop("eos_token_id")
    config.pop("eos_token_id", None)
    (folder / "config.json").write_text(json.dumps(config))
    assert kind(folder, PROMPT, FOOTAGE).eos == usual


def test_end_tokens_come_from_the_first_valid_source(tmp_path):
    assert end_tokens(tmp_path, 10, [3, 4], 5, 6) == {3, 4}
    assert end_tokens(tmp_path, 10, None, 5, 6) == {5}
    assert end_tokens(tmp_path, 10, [], [None], 6) == {6}
    assert end_tokens(tmp_path, 10, 12, -1, [6, 99]) == {6}
    for stated in ([None], [], [10, [11]], ["</s>"]):
        with pytest.raises(InputError, match="so no answer would end"):
            end_tokens(tmp_path, 10, *stated)


def test_video_token_comes_from_the_tokenizer_instead_of_the_config(checkpoint, changed):
    usual = LlavaNextVideo(checkpoint, PROMPT, FOOTAGE)
    odd = with_entries(checkpoint, "config.json", video_token_index=7)
    other = LlavaNextVideo(changed(checkpoint, config__json=odd), PROMPT, FOOTAGE)
    frames = torch.stack(
        [usual.pixels(torch.full((3, 180, 320), 90, dtype=torch.uint8), "pad")] * 2
    )
    logits = [
        model.prefill(model.encode(frames[:, None])[None], model.new_cache(1, 2, 4), [0]).logits
        for model in (usual, other)
    ]
    assert_near(*logits)


def test_tokenizer_without_the_video_token_is_refused(checkpoint, changed):
    whole = json.loads((checkpoint / "tokenizer.json").read_text())
    text = json.dumps(whole).replace("<video>", "<movie>")
    config = (checkpoint / "tokenizer_config.json").read_text().replace("<video>", "<movie>")
    folder = changed(checkpoint, tokenizer__json=text, tokenizer_config__json=config)
    with pytest.raises(InputError, match="has no token <video>"):
        LlavaNextVideo(folder, PROMPT, FOOTAGE)


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"tokenizer__json": None, "tokenizer__model": "pieces"}, "pip install sentencepiece"),
        ({"tokenizer__json": '{"model": 1}'}, "has no readable tokenizer"),
        ({"tokenizer__json": None, "tokenizer_config__json": None}, "has no readable tokenizer"),
    ],
    ids=["only tokenizer.model", "broken", "none"],
)
def test_unreadable_tokenizer_is_refused_in_one_sentence(
    checkpoint, changed, files, sentence, monkeypatch
):
    # Other projects may have installed sentencepiece, so hide it.
    monkeypatch.setattr("touchline.models.chat.find_spec", lambda name: None)
    with pytest.raises(InputError) as raised:
        LlavaNextVideo(changed(checkpoint, **files), PROMPT, FOOTAGE)
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


def test_vision_features_that_form_no_square_are_refused(checkpoint, changed):
    full = with_entries(checkpoint, "config.json", vision_feature_select_strategy="full")
    with pytest.raises(InputError, match="vision_feature_select_strategy: full, with which"):
        LlavaNextVideo(changed(checkpoint, config__json=full), PROMPT, FOOTAGE)


HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25]}
OTHER = {"image_mean": [0.1, 0.1, 0.1], "image_std": [0.2, 0.2, 0.2]}


@pytest.mark.parametrize(
    "files",
    [
        {"video_preprocessor_config.json": HALF, "preprocessor_config.json": OTHER},
        {"processor_config.json": {"video_processor": HALF, "image_processor": OTHER}},
        {"processor_config.json": {"video_processor": HALF}, "preprocessor_config.json": OTHER},
        {"processor_config.json": {"image_processor": HALF}},
        {"processor_config.json": {"processor_class": "P"}, "preprocessor_config.json": HALF},
    ],
)
def test_video_processor_settings_take_precedence_over_images(tmp_path, files):
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    assert read_processor(tmp_path) == HALF
    assert read_normalization(tmp_path) == Normalization((0.5,) * 3, (0.25,) * 3)


def test_pixels_without_normalization_are_only_scaled(tmp_path):
    (tmp_path / "preprocessor_config.json").write_text('{"do_normalize": false}')
    assert read_normalization(tmp_path) == Normalization((0.0,) * 3, (1.0,) * 3)


@pytest.mark.parametrize("mean", [[0.5], "0.5", ["a", "b", "c"], 0.5])
def test_normalization_without_three_channels_is_refused(tmp_path, mean):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"image_mean": mean}))
    with pytest.raises(InputError, match="each should be three numbers"):
        read_normalization(tmp_path)
