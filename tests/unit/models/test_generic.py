"""Compare models of the family generic with transformers itself."""

import json
import logging
import shutil
import sys
from importlib.util import find_spec

import pytest
import torch
from PIL import Image

import tiny_generic
from rounding import NF4_SHARE, assert_near, assert_same_answers, assert_same_greedy
from touchline.detection.engine import LibraryAnswering
from touchline.detection.sampling import random_numbers
from touchline.detection.scheduler import Picture, Task
from touchline.detection.scoring import Generated
from touchline.detection.stopwatch import Stopwatch
from touchline.errors import InputError
from touchline.inputs.settings import GenerationSettings
from touchline.models import quantize as quantizing
from touchline.models.families import family
from touchline.models.families.base import Footage, arithmetic
from touchline.models.quantize import quantize
from touchline.weights.checkpoints import check_source, fetch, read_family, read_note

GREEDY = GenerationSettings(max_new_tokens=10)
SAMPLED = GenerationSettings(max_new_tokens=10, do_sample=True, temperature=1.3, top_p=0.9)
FOOTAGE = Footage(160, 90, 1.0)
# Device and type of the arithmetic.
DEVICE = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
DTYPE = arithmetic("auto", DEVICE)
ASKED = "What happens?"


HAS_TORCHVISION = find_spec("torchvision") is not None
KINDS = [
    *tiny_generic.WITHOUT_TORCHVISION,
    *(
        pytest.param(
            kind, marks=pytest.mark.skipif(not HAS_TORCHVISION, reason="needs torchvision")
        )
        for kind in tiny_generic.WITH_TORCHVISION
    ),
]


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Return a function that returns a user's checkpoint folder of an architecture."""
    made = {}

    def source(kind):
        if kind not in made:
            made[kind] = tiny_generic.save(kind, tmp_path_factory.mktemp(kind) / "mine")
        return made[kind]

    return source


@pytest.fixture(scope="module")
def fetched(sources, tmp_path_factory):
    """Return a function that prepares a checkpoint as the workflow does, and returns its folder."""
    made = {}

    def folder(kind):
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp(f"{kind}_fetched") / "checkpoint"
            fetch(str(sources(kind)), None, "generic", made[kind])
        return made[kind]

    return folder


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def model(kind, fetched):
    return new_model(fetched(kind))


def new_model(folder, footage=FOOTAGE, new_tokens=10):
    return family(read_family(folder))(folder, ASKED, footage, new_tokens=new_tokens)


def windows(count=7):
    """Return the frames of windows. The last window has two frames, the others have four."""
    noise = torch.Generator().manual_seed(1)
    return [
        torch.randint(
            256, (2 if n == count - 1 else 4, 3, 90, 160), generator=noise, dtype=torch.uint8
        )
        for n in range(count)
    ]


def tasks(settings=GREEDY, numbers=range(7)):
    return [
        Task(
            n,
            [Picture((float(k),), frame[None]) for k, frame in enumerate(windows()[n])],
            random_numbers(settings.seed, 0, 2.0 * n, settings.max_new_tokens),
        )
        for n in numbers
    ]


def answered(model, rows, settings=GREEDY, numbers=range(7), keeps_hidden=False):
    answering = LibraryAnswering(
        model, settings, rows=rows, clock=Stopwatch(), keeps_hidden=keeps_hidden
    )
    return {
        task.index: answer for task, answer in answering.answers(iter(tasks(settings, numbers)))
    }


def by_the_library(folder, frames, model=None):
    """Return the answer of transformers with its log probabilities."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(folder)
    if model is None:
        model = AutoModelForImageTextToText.from_pretrained(folder, dtype=DTYPE, device_map=DEVICE)
    text = {"type": "text", "text": ASKED}
    if hasattr(processor, "video_processor"):
        message = [{"role": "user", "content": [{"type": "video"}, text]}]
        prompt = processor.apply_chat_template(message, add_generation_prompt=True)
        shown = {"videos": [frames], "do_sample_frames": False}
        inputs = processor(text=[prompt], **shown, return_tensors="pt")
    else:
        images = [
            {"type": "image", "image": Image.fromarray(frame.permute(1, 2, 0).numpy())}
            for frame in frames
        ]
        inputs = processor.apply_chat_template(
            [{"role": "user", "content": [*images, text]}],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        )
    generated = model.generate(
        **inputs.to(DEVICE, DTYPE),
        max_new_tokens=10,
        do_sample=False,
        output_logits=True,
        return_dict_in_generate=True,
    )
    tokens = generated.sequences[0, inputs["input_ids"].shape[1] :].tolist()
    rows = torch.stack(generated.logits).float().log_softmax(-1)
    logprobs = [row[0, token].item() for row, token in zip(rows, tokens, strict=True)]
    decoded = processor.tokenizer.decode(tokens, skip_special_tokens=True)
    return Generated(decoded, tuple(tokens), tuple(logprobs))


def test_generic_answers_equal_transformers_generate(kind, model, sources):
    expected = {n: by_the_library(sources(kind), frames) for n, frames in enumerate(windows())}
    assert len({answer.tokens for answer in expected.values()}) > 1
    for rows in (1, 3):
        answers = answered(model, rows)
        assert sorted(answers) == list(range(7))
        for n, answer in answers.items():
            assert_same_greedy(answer, expected[n])


def test_generic_hidden_state_predicts_the_first_token(model):
    plain = answered(model, 3)
    kept = answered(model, 3, keeps_hidden=True)
    assert_same_answers(kept, plain)
    assert all(answer.hidden is None for answer in plain.values())
    head = model.model.get_output_embeddings()
    alone = answered(model, 1, keeps_hidden=True)
    for n, answer in kept.items():
        state = torch.tensor(answer.hidden)
        assert state.dtype == torch.float16
        assert_near(state, torch.tensor(alone[n].hidden), share=0.002)
        logits = head(state.to(DEVICE, DTYPE)).float().log_softmax(-1)
        assert logits[answer.tokens[0]].item() == pytest.approx(answer.logprobs[0], abs=0.02)
    assert not head._forward_pre_hooks


def test_model_without_a_named_head_is_refused_for_learning(fetched, monkeypatch):
    model = new_model(fetched("llava"))
    monkeypatch.setattr(model.model, "get_output_embeddings", lambda: None)
    with pytest.raises(InputError, match="Set learn: false"):
        answered(model, 2, keeps_hidden=True)


@pytest.mark.parametrize("settings", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_generic_answers_do_not_depend_on_the_batch(model, settings):
    alone = answered(model, 1, settings)
    for rows, numbers in ((4, range(7)), (4, [5, 2, 6, 0]), (8, range(2, 7))):
        together = answered(model, rows, settings, numbers)
        expected = {n: alone[n] for n in numbers}
        assert_same_answers(together, expected, sampled=settings is SAMPLED)


@pytest.mark.parametrize("kind", ["llava", "gemma3"])
def test_left_padding_does_not_change_answers(kind, fetched):
    model = new_model(fetched(kind))

    def likeliest(logits, _):
        best = logits.log_softmax(-1).max(-1)
        return best.indices, best.values

    def written(some):
        return model.generate(some, 10, choose=likeliest, is_complete=lambda _: False)

    four, two = windows()[0], windows()[-1]
    mask = model._inputs([four, two])["attention_mask"]
    assert mask[1, 0] == 0
    assert mask[:, -1].tolist() == [1, 1]
    for together, alone in zip(written([four, two]), written([four]) + written([two]), strict=True):
        assert_same_greedy(together, alone)


def test_generic_sampling_depends_on_the_seed(fetched):
    model = new_model(fetched("llava"))
    other = SAMPLED.model_copy(update={"seed": 9})
    first, again, changed = (answered(model, 4, each) for each in (SAMPLED, SAMPLED, other))
    assert_same_answers(first, again, sampled=True)
    assert any(changed[n].tokens != first[n].tokens for n in range(7))


def test_nf4_answers_equal_transformers_with_the_same_modules_skipped(kind, fetched, tmp_path):
    from transformers import AutoConfig, AutoModelForImageTextToText

    quantize(fetched(kind), tmp_path / "nf4")
    assert not read_note(tmp_path / "nf4").quantizes_at_load
    model = new_model(tmp_path / "nf4")
    stated = json.loads((tmp_path / "nf4" / "config.json").read_text())["quantization_config"]
    assert "lm_head" in stated["llm_int8_skip_modules"]
    packed = {name for name, m in model.model.named_modules() if type(m).__name__ == "Linear4bit"}
    assert packed
    assert all("language_model." in name or "text_model.layers" in name for name in packed)
    config = AutoConfig.from_pretrained(tmp_path / "nf4")
    config.quantization_config["bnb_4bit_compute_dtype"] = str(DTYPE).removeprefix("torch.")
    library = AutoModelForImageTextToText.from_pretrained(
        tmp_path / "nf4", config=config, dtype=DTYPE, device_map=DEVICE
    )
    # The library keeps these weights in their saved dtype.
    for weights in library.parameters():
        if weights.is_floating_point():
            weights.data = weights.data.to(DTYPE)
    answers = answered(model, 2, numbers=(0, 1, 6))
    for n in answers:
        expected = by_the_library(tmp_path / "nf4", windows()[n], library)
        assert_same_greedy(answers[n], expected, NF4_SHARE)


def test_model_that_cannot_be_saved_in_4_bits_is_quantized_at_load(
    fetched, tmp_path, monkeypatch, caplog
):
    quantize(fetched("llava"), tmp_path / "packed")

    def broken(*_):
        raise NotImplementedError("no packing")

    monkeypatch.setattr(quantizing, "save", broken)
    with caplog.at_level(logging.WARNING):
        quantize(fetched("llava"), tmp_path / "nf4")
    assert "cannot be saved in 4 bits (no packing). Each job quantizes it" in caplog.text
    assert read_note(tmp_path / "nf4").quantizes_at_load
    loaded, packed = (new_model(tmp_path / name) for name in ("nf4", "packed"))
    assert_same_answers(answered(loaded, 3), answered(packed, 3))


def test_slower_generic_family_is_logged_once(fetched, caplog):
    with caplog.at_level(logging.INFO, "touchline"):
        answered(new_model(fetched("llava")), 3)
    assert caplog.text.count("slower than our own families") == 1
    assert "The prompt has the form of the checkpoint's chat template" in caplog.text


def test_generic_batch_is_halved_without_losing_answers(fetched, monkeypatch):
    model = new_model(fetched("llava"))
    expected, whole = answered(model, 2), model.generate
    sizes = []

    def limited(some, *arguments, **named):
        sizes.append(len(some))
        if len(some) > 2:
            raise torch.OutOfMemoryError
        return whole(some, *arguments, **named)

    monkeypatch.setattr(model, "generate", limited)
    assert_same_answers(answered(model, 8), expected)
    assert sizes[:3] == [8, 4, 2]


def test_generic_answer_ends_at_eos_or_complete_list(fetched):
    model = new_model(fetched("llava"))
    ends = model.tokenizer.eos_token_id
    written = [[5, ends, 7, 7], model.tokenizer.encode('[{"label": "Goal"}] and so on')]

    def scripted(logits, step):
        tokens = [each[min(step, len(each) - 1)] for each in written]
        return torch.tensor(tokens, device=logits.device), torch.zeros(2)

    answers = model.generate(
        windows()[:2],
        40,
        choose=scripted,
        is_complete=lambda tokens: model.decode(tokens).endswith("]"),
    )
    assert answers[0].tokens == (5, ends)
    assert model.decode(answers[1].tokens) == '[{"label": "Goal"}]'


def test_infinite_log_probability_gives_a_failed_window(fetched):
    model = new_model(fetched("llava"))
    with torch.no_grad():
        model.model.lm_head.weight.fill_(torch.nan)
    assert answered(model, 2, numbers=(0, 1)) == {0: "not_finite", 1: "not_finite"}


def test_frames_beyond_the_context_are_refused_with_the_number_that_fits(sources, fetched):
    footage = Footage(160, 90, 1.0, 256)
    check = family("generic").check_length
    check(sources("llava"), ASKED, FOOTAGE, 256)
    for act in (
        lambda: check(sources("llava"), ASKED, footage, 10),
        lambda: new_model(fetched("llava"), footage),
    ):
        with pytest.raises(
            InputError, match=r"exceeds the 4,096 tokens .* Set window\.frames to (\d+) "
        ):
            act()


@pytest.mark.skipif(HAS_TORCHVISION, reason="torchvision is installed")
def test_processor_without_torchvision_is_refused_with_advice(sources):
    folder = sources("internvl")
    with pytest.raises(InputError, match=r"needs a missing package \(.*orchvision"):
        new_model_of_mine(folder)
    # The check is skipped, because jobs may have torchvision.
    family("generic").check_length(folder, ASKED, FOOTAGE, 10)


def new_model_of_mine(folder):
    return family("generic")(folder, ASKED, FOOTAGE)


def changed(source, tmp_path, name, change):
    folder = shutil.copytree(source, tmp_path / "changed")
    stated = json.loads((folder / name).read_text())
    change(stated)
    (folder / name).write_text(json.dumps(stated))
    return folder


def test_text_only_model_is_refused(sources, tmp_path):
    folder = changed(
        sources("llava"), tmp_path, "config.json", lambda stated: stated.update(model_type="llama")
    )
    with pytest.raises(
        InputError, match=r"of type .llama., which transformers .* does not load as"
    ):
        check_source(str(folder), "generic")


@pytest.mark.parametrize("name", ["chat_template.jinja", "processor_config.json"])
def test_missing_processor_files_are_refused_in_one_sentence(sources, tmp_path, name):
    folder = shutil.copytree(sources("gemma3"), tmp_path / "mine")
    (folder / name).unlink()
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(InputError, match=r"[Cc]opy (chat_template|the processor's files)"):
        new_model_of_mine(folder)


def test_missing_weights_are_refused(sources, tmp_path):
    folder = changed(
        sources("llava"),
        tmp_path,
        "config.json",
        lambda stated: stated["text_config"].update(num_hidden_layers=3),
    )
    with pytest.raises(InputError, match=r"missing: \d+ \(.*layers\.2"):
        new_model_of_mine(folder)


CODE = """
from transformers import Idefics3Config, Idefics3ForConditionalGeneration


class OwnConfig(Idefics3Config):
    model_type = "own_idefics"


class OwnModel(Idefics3ForConditionalGeneration):
    config_class = OwnConfig
"""


@pytest.fixture
def with_code(sources, tmp_path):
    """Make a checkpoint that contains the code of its model."""

    def change(stated):
        stated["model_type"] = "own_idefics"
        stated["auto_map"] = {
            "AutoConfig": "own.OwnConfig",
            "AutoModelForImageTextToText": "own.OwnModel",
        }

    folder = changed(sources("idefics3"), tmp_path, "config.json", change)
    (folder / "own.py").write_text(CODE)
    return folder


def test_checkpoint_code_is_refused_unless_trusted(with_code, tmp_path, monkeypatch):
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "c"))
    monkeypatch.syspath_prepend(str(tmp_path / "c"))
    with pytest.raises(InputError, match=r"set models\.\*\.trust_code: true to run them"):
        check_source(str(with_code), "generic")
    with pytest.raises(InputError, match="needs its own code"):
        fetch(str(with_code), None, "generic", tmp_path / "refused")
    assert not any("own" in name for name in sys.modules if name.startswith("transformers_modules"))
    fetch(str(with_code), None, "generic", tmp_path / "trusted", trust_code=True)
    quantize(tmp_path / "trusted", tmp_path / "nf4")
    for folder in (tmp_path / "trusted", tmp_path / "nf4"):
        model = new_model(folder)
        assert type(model.model).__name__ == "OwnModel"
        assert len(answered(model, 2, numbers=(0, 1))) == 2


def test_unneeded_checkpoint_code_is_not_fetched(sources, tmp_path):
    folder = shutil.copytree(sources("llava"), tmp_path / "mine")
    (folder / "own.py").write_text("raise SystemExit")
    fetch(str(folder), None, "generic", tmp_path / "fetched")
    assert not (tmp_path / "fetched" / "own.py").exists()


def test_adapter_of_a_generic_model_is_merged(fetched, tmp_path):
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForImageTextToText

    from touchline.models.merge_adapter import merge

    base = AutoModelForImageTextToText.from_pretrained(fetched("llava"))
    lora = LoraConfig(r=2, target_modules=r".*language_model.*q_proj", init_lora_weights=False)
    get_peft_model(base, lora).save_pretrained(tmp_path / "adapter")
    merge(fetched("llava"), tmp_path / "adapter", tmp_path / "merged")
    assert read_family(tmp_path / "merged") == "generic"
    before, after = (answered(new_model(f), 2) for f in (fetched("llava"), tmp_path / "merged"))
    assert any(before[n].tokens != after[n].tokens for n in range(7))
