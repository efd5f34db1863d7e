"""Test that adapters are merged like PEFT merges them, or refused in one sentence."""

import json
import logging
import os
import pickle
import shutil
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from clones import ROOT
from fakehub import COMMIT, LATER, FakeHub
from rounding import assert_same_greedy
from touchline.detection.scoring import Generated
from touchline.errors import InputError
from touchline.models.families import family
from touchline.models.families.base import Footage
from touchline.models.merge_adapter import merge
from touchline.models.quantize import quantize
from touchline.weights.adapters import check, check_source, fetch
from touchline.weights.checkpoints import fetch as fetch_checkpoint

PROMPT = (ROOT / "prompts" / "soccer_events.txt").read_text()
FOOTAGE = Footage(384, 216, 1.0)
TRAINED_TO_SAY = "Touchline saw a penalty here"


@pytest.fixture(scope="module", params=["llava_next_video", "qwen2_5_vl"])
def kind(request):
    return family(request.param)


@pytest.fixture(scope="module")
def demo(kind, tmp_path_factory):
    """Return the fetched model of the demo."""
    name = "llava" if kind.frames_per_picture == 1 else "qwen"
    folder = tmp_path_factory.mktemp("demo") / "checkpoint"
    model_type = kind.architecture.config_class.model_type
    fetch_checkpoint(str(ROOT / "demo" / f"model-{name}"), None, model_type, folder)
    return folder


@pytest.fixture(scope="module")
def adapter(kind, demo, tmp_path_factory):
    """Train a LoRA on the demo's model for seconds, so that it gives other answers."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    plain = kind(demo, PROMPT, FOOTAGE)
    base = kind.architecture.from_pretrained(demo, dtype=torch.float32)
    lora = LoraConfig(
        r=4,
        lora_alpha=8,
        target_modules=r".*language_model.*\.(q_proj|v_proj|up_proj|down_proj)",
        rank_pattern={"v_proj": 2},
    )
    model = get_peft_model(base, lora)
    asked = plain.prompt(1).ids[plain.prompt(1).ids != plain._video_id]
    said = torch.tensor([*plain.tokenizer.encode(TRAINED_TO_SAY), min(plain.eos)])
    ids = torch.cat([asked, said])[None]
    labels = ids.masked_fill(torch.arange(ids.shape[1]) < len(asked), -100)
    steps = torch.optim.AdamW((w for w in model.parameters() if w.requires_grad), lr=2e-2)
    for _ in range(25):
        model(input_ids=ids, labels=labels).loss.backward()
        steps.step()
        steps.zero_grad()
    folder = tmp_path_factory.mktemp("adapter")
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def merged(demo, adapter, tmp_path_factory):
    """Merge the adapter into the demo's model, as the workflow does."""
    fetched = tmp_path_factory.mktemp("fetched") / "adapter"
    fetch(str(adapter), None, fetched)
    folder = tmp_path_factory.mktemp("merged") / "merged"
    merge(demo, fetched, folder)
    return folder


@pytest.fixture(scope="module")
def by_peft(kind, demo, adapter, tmp_path_factory):
    """Merge the adapter as users of PEFT do."""
    from peft import PeftModel

    folder = tmp_path_factory.mktemp("by_peft") / "model"
    base = kind.architecture.from_pretrained(demo, dtype="auto")
    PeftModel.from_pretrained(base, adapter).merge_and_unload().save_pretrained(folder)
    for file in demo.glob("*.json"):
        if not (folder / file.name).exists():
            shutil.copy(file, folder)
    return folder


def answers(kind, folder):
    """Return greedy answers of eight tokens to two windows."""
    model = kind(folder, PROMPT, FOOTAGE)
    noise = torch.Generator().manual_seed(3)
    frames = torch.randint(256, (2, 4, 3, 216, 384), generator=noise, dtype=torch.uint8)
    pixels = torch.stack([model.pixels(frame, "pad") for frame in frames.flatten(0, 1)])
    features = model.encode(pixels.unflatten(0, (-1, model.frames_per_picture)))
    cache = model.new_cache(2, len(features) // 2, 8)
    logits = model.prefill(features.unflatten(0, (2, -1)), cache, [0, 1]).logits
    tokens, logprobs = [], []
    for _ in range(8):
        best = logits.float().log_softmax(-1).max(-1)
        tokens.append(best.indices)
        logprobs.append(best.values)
        read = torch.nn.functional.pad(best.indices[:, None], (0, cache.drafts))
        logits = model.step(read, cache)[:, 0]
        cache.advance([1, 1])
    of_windows = zip(
        torch.stack(tokens, 1).tolist(), torch.stack(logprobs, 1).tolist(), strict=True
    )
    return [Generated(model.decode(ids), tuple(ids), tuple(each)) for ids, each in of_windows]


@pytest.mark.parametrize("quantization", ["none", "nf4"])
def test_answers_of_a_merged_adapter_equal_peft(
    kind, demo, merged, by_peft, quantization, tmp_path
):
    def ready(folder):
        if quantization == "none":
            return folder
        quantize(folder, tmp_path / folder.name)
        return tmp_path / folder.name

    ours, theirs, before = (answers(kind, ready(f)) for f in (merged, by_peft, demo))
    # 16-bit weights may differ in their last bit.
    for window in range(2):
        assert_same_greedy(ours[window], theirs[window], share=2**-8)
        assert ours[window].tokens != before[window].tokens


def test_merged_weights_equal_the_formula_of_the_paper(demo, adapter, merged):
    before, lora, after = (
        load_file(folder / f"{name}.safetensors")
        for folder, name in ((demo, "model"), (adapter, "adapter_model"), (merged, "model"))
    )
    assert set(after) == set(before)
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    downs = {key for key in lora if key.endswith("lora_A.weight")}
    assert len(changed) == len(downs) > 0
    for down in downs:
        part = down.removeprefix("base_model.model.").replace("lora_A.weight", "weight")
        key = next(key for key in before if key.endswith(part.split("language_model.")[-1]))
        a, b = lora[down], lora[down.replace("lora_A", "lora_B")]
        rank = 2 if "v_proj" in down else 4
        assert a.shape[0] == rank
        expected = before[key].float() + 8 / rank * (b.float() @ a.float())
        assert torch.allclose(after[key].float(), expected, rtol=2**-11, atol=1e-7)


# Names of the parts in transformers up to 4.51.
OLD_NAMES = {
    "llava_next_video": {
        "model.language_model.": "language_model.model.",
        "model.vision_tower.": "vision_tower.vision_model.",
    },
    "qwen2_5_vl": {"model.language_model.": "model.", "model.visual.": "visual."},
}


def test_adapter_with_old_weight_names_is_merged(kind, demo, tmp_path):
    from peft import LoraConfig, get_peft_model

    base = kind.architecture.from_pretrained(demo, dtype=torch.float32)
    targets = r".*(language_model.*\.(q_proj|down_proj)|(visual|vision_tower).*\.(qkv|q_proj))"
    lora = LoraConfig(r=2, target_modules=targets, init_lora_weights=False)
    get_peft_model(base, lora).save_pretrained(tmp_path / "adapter")
    old = shutil.copytree(tmp_path / "adapter", tmp_path / "old")
    weights = load_file(old / "adapter_model.safetensors")
    for new, before in OLD_NAMES[base.config.model_type].items():
        parts = f"base_model.model.{new}", f"base_model.model.{before}"
        assert any(key.startswith(parts[0]) for key in weights)
        weights = {key.replace(*parts): each for key, each in weights.items()}
    save_file(weights, old / "adapter_model.safetensors")
    for name in ("adapter", "old"):
        merge(demo, tmp_path / name, tmp_path / f"merged_{name}")
    today, mapped = (
        load_file(tmp_path / f"merged_{name}" / "model.safetensors") for name in ("adapter", "old")
    )
    before = load_file(demo / "model.safetensors")
    assert set(today) == set(mapped) == set(before)
    assert all(torch.equal(today[key], mapped[key]) for key in today)
    assert sum(not torch.equal(today[key], before[key]) for key in today) == len(weights) // 2


def test_results_name_the_adapter(merged, adapter):
    origin = json.loads((merged / "touchline_origin.json").read_text())
    assert origin["adapter"] == {"adapter": str(adapter), "revision": None, "commit": None}


def copied(adapter, tmp_path, change=None, **config):
    folder = shutil.copytree(adapter, tmp_path / "adapter")
    stated = json.loads((folder / "adapter_config.json").read_text()) | config
    (folder / "adapter_config.json").write_text(json.dumps(stated))
    if change:
        weights = load_file(folder / "adapter_model.safetensors")
        change(weights)
        save_file(weights, folder / "adapter_model.safetensors")
    return folder


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"peft_type": "IA3"}, "peft_type: IA3"),
        ({"use_dora": True}, "use_dora: True"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save: "),
        ({"bias": "lora_only"}, "bias: lora_only"),
        ({"lora_bias": True}, "lora_bias: True"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights: pissa"),
        ({"trainable_token_indices": [1]}, "trainable_token_indices: "),
        ({"layer_replication": [[0, 2]]}, "layer_replication: "),
        ({"of_the_future": {"a": "\n"}}, "of_the_future: "),
    ],
)
def test_adapter_other_than_a_plain_lora_is_refused(adapter, tmp_path, config, named):
    with pytest.raises(InputError) as raised:
        check_source(str(copied(adapter, tmp_path, **config)))
    assert f"has {named}" in str(raised.value)
    assert "which Touchline cannot merge" in str(raised.value)
    assert "\n" not in str(raised.value)


def first_down(weights):
    return min(key for key in weights if key.endswith("lora_A.weight"))


def another_width(weights):
    key = first_down(weights)
    weights[key] = weights[key][:, :-8].clone()


def one_more(weights):
    key = first_down(weights)
    weights[key.replace("layers.0", "layers.99")] = weights[key].clone()


def one_less(weights):
    del weights[first_down(weights)]


def not_finite(weights):
    weights[first_down(weights)][0, 0] = torch.nan


@pytest.mark.parametrize(
    ("change", "config", "reason"),
    [
        (another_width, {}, "size mismatch"),
        (one_more, {}, "for layers that the model does not have: 1"),
        (one_less, {}, "weights that the adapter lacks: 1"),
        (None, {"r": 6}, "size mismatch"),
        (None, {"target_modules": ["sideways_proj"]}, "sideways_proj"),
        (None, {"target_modules": ["q_proj"]}, "for layers that the model does not have"),
        (not_finite, {}, "cannot be merged"),
    ],
)
def test_adapter_of_another_model_is_refused_in_one_sentence(
    demo, adapter, tmp_path, change, config, reason
):
    config = {"base_model_name_or_path": "someone/Other-7B"} | config
    folder = copied(adapter, tmp_path, change, **config)
    with pytest.raises(InputError, match=reason) as raised:
        merge(demo, folder, tmp_path / "merged")
    assert "\n" not in str(raised.value)
    if change is not not_finite:
        assert "it was trained on someone/Other-7B. " in str(raised.value)
    assert not (tmp_path / "merged").exists()


def test_adapter_of_another_family_is_refused(adapter, qwen3_checkpoint, tmp_path):
    with pytest.raises(InputError, match="does not fit"):
        merge(qwen3_checkpoint, adapter, tmp_path / "merged")


def test_fitting_base_model_with_another_name_gives_a_warning(demo, adapter, tmp_path, caplog):
    fetch(str(copied(adapter, tmp_path, base_model_name_or_path="a/Copy")), None, tmp_path / "here")
    with caplog.at_level(logging.WARNING):
        merge(demo, tmp_path / "here", tmp_path / "merged")
    assert "was trained on a/Copy and is merged into " in caplog.text


def test_quantized_base_model_is_refused(demo, adapter, tmp_path):
    quantize(demo, tmp_path / "nf4")
    with pytest.raises(InputError, match="is already quantized, but an adapter is merged into 16"):
        merge(tmp_path / "nf4", adapter, tmp_path / "merged")


def test_adapter_of_tied_embeddings_is_refused(tmp_path):
    from peft import LoraConfig, get_peft_model

    import tiny_qwen3

    tokenizer = tiny_qwen3.new_tokenizer(["none"])
    tiny_qwen3.save(tiny_qwen3.new_model(tokenizer, tied=True), tokenizer, tmp_path / "tied")
    base = tiny_qwen3.new_model(tokenizer, tied=True)
    get_peft_model(base, LoraConfig(r=2, target_modules=["lm_head"])).save_pretrained(
        tmp_path / "adapter"
    )
    with pytest.raises(InputError, match="changes the embeddings or the output layer"):
        merge(tmp_path / "tied", tmp_path / "adapter", tmp_path / "merged")


def test_missing_adapter_files_and_pickles_are_refused(adapter, tmp_path):
    folder = copied(adapter, tmp_path)
    (folder / "adapter_model.safetensors").unlink()
    with pytest.raises(InputError, match="the adapter is incomplete"):
        check(folder)
    (folder / "adapter_model.bin").write_bytes(pickle.dumps({}))
    with pytest.raises(InputError, match="can run code and is not read"):
        check(folder)
    (folder / "adapter_config.json").unlink()
    with pytest.raises(InputError, match=r"has no adapter_config\.json"):
        check(folder)
    with pytest.raises(InputError, match=r"there is no such folder\. Correct models\.\*\.adapter"):
        check_source(str(tmp_path / "nowhere"))


def test_truncated_adapter_weights_are_refused(adapter, tmp_path):
    folder = copied(adapter, tmp_path)
    file = folder / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(InputError, match="cut short or damaged"):
        check(folder)
    file.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(InputError, match="Git LFS pointer"):
        check(folder)


FETCH = """
import sys
from pathlib import Path
from touchline.errors import InputError
from touchline.weights.adapters import fetch
try:
    fetch(sys.argv[1], None, Path("adapter"))
except InputError as error:
    print(error)
"""


def test_adapter_is_downloaded_at_one_commit(adapter, tmp_path):
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    shutil.copy(adapter / "adapter_config.json", pickled)
    (pickled / "adapter_model.bin").write_bytes(pickle.dumps({}))
    known = {k: v for k, v in os.environ.items() if "proxy" not in k.lower() and k[:3] != "HF_"}

    def fetched(name):
        return subprocess.run(
            [sys.executable, "-c", FETCH, name],
            cwd=tmp_path,
            env=known | {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    with FakeHub({"someone/lora": adapter, "someone/pickled": pickled}) as hub:
        assert fetched("someone/lora") == ""
        for name in ("adapter_config.json", "adapter_model.safetensors"):
            assert (tmp_path / "adapter" / name).read_bytes() == (adapter / name).read_bytes()
        origin = json.loads((tmp_path / "adapter" / "touchline_origin.json").read_text())
        assert origin == {"adapter": "someone/lora", "revision": None, "commit": COMMIT}
        # The revision stays at its first commit.
        hub.branches |= {"main": LATER, COMMIT: COMMIT}
        fetched("someone/lora")
        assert COMMIT in (tmp_path / "adapter" / "touchline_origin.json").read_text()
        refusal = fetched("someone/pickled")
        assert "someone/pickled has no adapter_model.safetensors: adapter_model.bin can" in refusal
        assert not [path for path in hub.served if path.endswith(".bin")]
