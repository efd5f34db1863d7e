"""Test that every weight of a model comes from its checkpoint."""

import json
import logging
import re
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

import touchline.models.loading
from touchline.errors import InputError
from touchline.models.families.base import Footage
from touchline.models.quantize import load_quantizing, quantize
from touchline.weights.checkpoints import check

WEIGHT = re.compile(r"layers\.1\.mlp\.up_proj\.weight$")


@pytest.fixture(params=["quantizing", "as they are", "in 4 bits"])
def loading(request, kind, source, quantized, tmp_path):
    """Return a function that loads a model, and the model's folder.

    A test may change the folder.
    """
    original = quantized if request.param == "in 4 bits" else source
    folder = shutil.copytree(original, tmp_path / "model")
    if request.param == "quantizing":
        return lambda: load_quantizing(folder), folder
    return lambda: kind(folder, "What happens?", Footage(320, 180, 1.0)), folder


def changed(folder, change):
    """Change the weights in a folder, and return the name of the changed weight."""
    file = folder / "model.safetensors"
    weights = load_file(file)
    key = next(key for key in weights if WEIGHT.search(key))
    change(weights, key)
    save_file(weights, file, metadata={"format": "pt"})


def missing(weights, key):
    weights.pop(key)


def unexpected(weights, key):
    weights[key.replace("up_proj", "sideways_proj")] = torch.zeros(4, 4)


def mis_shaped(weights, key):
    weights[key] = weights[key][:-64].clone()


def merged_by_no_one(weights, key):
    weights[key.replace("weight", "lora_A.weight")] = torch.zeros(4, 4)


def by_gptq(weights, key):
    weights[key.replace("weight", "qweight")] = weights.pop(key)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (missing, r"missing.*layers\.1\.mlp\.up_proj\.weight\)"),
        (unexpected, r"not in the model: 1 \(\S*layers\.1\.mlp\.sideways_proj\.weight\)"),
        (mis_shaped, r"of another shape: 1 \(\S*layers\.1\.mlp\.up_p"),
        (merged_by_no_one, r"probably because an adapter \(LoRA\) was saved without being merged"),
        (by_gptq, r"because the weights were quantized by AWQ|has missing or damaged weights"),
    ],
)
def test_weights_that_do_not_fit_the_config_are_refused(loading, change, complaint):
    load, folder = loading
    changed(folder, change)
    with pytest.raises(InputError, match=complaint) as error:
        load()
    assert str(folder) in str(error.value)


def test_inconsistent_config_is_refused(loading):
    load, folder = loading
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["num_attention_heads"] = "six"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"config\.json cannot be used \(.*num_attention_heads"):
        load()


@pytest.mark.parametrize("part", [".absmax", ".quant_map", ".quant_state.bitsandbytes__nf4"])
def test_incomplete_4_bit_weights_are_refused(kind, quantized, tmp_path, part):
    folder = shutil.copytree(quantized, tmp_path / "model")
    changed(folder, lambda weights, key: weights.pop(key + part))
    with pytest.raises(
        InputError,
        match=r"has missing or damaged weights \(\S*layers\.1\.mlp\.up_proj\.weight\)",
    ):
        kind(folder, "What happens?", Footage(320, 180, 1.0))


def test_config_with_more_layers_than_weights_is_refused(loading):
    load, folder = loading
    config = json.loads((folder / "config.json").read_text())
    text = config["text_config"]
    text["num_hidden_layers"] += 1
    if "layer_types" in text:
        text["layer_types"].append(text["layer_types"][-1])
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"missing.*layers\.\d"):
        load()


def test_extra_buffers_of_old_versions_are_ignored(loading, caplog):
    load, folder = loading

    def old_buffers(weights, key):
        weights[key.replace("mlp.up_proj.weight", "self_attn.rotary_emb.inv_freq")] = torch.ones(4)

    changed(folder, old_buffers)
    with caplog.at_level(logging.WARNING):
        load()
    assert "LOAD REPORT" not in caplog.text


def test_model_gets_random_weights_if_this_step_of_its_creation_cannot_be_skipped(
    loading, monkeypatch, caplog
):
    load, _ = loading
    # Testing membership in None raises a TypeError.
    monkeypatch.setattr(touchline.models.loading._Skeleton, "_computed", None)
    with caplog.at_level(logging.INFO, "touchline"):
        load()
    assert caplog.text.count("first created with random weights: TypeError") == 1


def test_model_is_saved_if_file_modes_are_refused(checkpoint, tmp_path, monkeypatch, caplog):
    def refuse(*arguments, **options):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("touchline.weights.saving.os.chmod", refuse)
    with caplog.at_level(logging.WARNING, "touchline"):
        quantize(checkpoint, tmp_path / "model")
    check(tmp_path / "model")
    assert "model.safetensors may be readable only by you" in caplog.text
