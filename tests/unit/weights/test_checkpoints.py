"""Test that invalid checkpoint folders are refused in one sentence."""

import errno
import json
import logging
import os
import shutil

import pytest

from facsimiles import facsimile
from touchline.core.files import read_json
from touchline.errors import InputError
from touchline.weights.checkpoints import check, fetch, remember_origin

INDEX = "model.safetensors.index.json"
SHARD = "model-00002-of-00003.safetensors"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 4968240456\n"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return facsimile("llava", tmp_path_factory.mktemp("whole") / "model")


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "mine")


def stating(file, **more):
    return lambda folder: (folder / file).write_text(
        json.dumps(json.loads((folder / file).read_text()) | more)
    )


def writing(file, content):
    data = content if isinstance(content, bytes) else content.encode()
    return lambda folder: (folder / file).write_bytes(data)


def without(*patterns):
    def change(folder):
        for pattern in patterns:
            for file in folder.glob(pattern):
                file.unlink()

    return change


def cut(folder):
    (folder / SHARD).write_bytes((folder / SHARD).read_bytes()[:-1])


def longer(folder):
    (folder / SHARD).write_bytes((folder / SHARD).read_bytes() + b"\0")


def adapter(folder):
    without("*.safetensors*", "config.json")(folder)
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    (folder / "adapter_model.safetensors").write_bytes(b"")


def alone(folder):
    without(INDEX, "model-0000[13]*")(folder)
    (folder / SHARD).rename(folder / "weights.safetensors")


def dangling(folder):
    (folder / SHARD).unlink()
    (folder / SHARD).symlink_to("gone")


METHODS = ["awq", "gptq", "fp8", "compressed-tensors"]
BROKEN = [
    (without("*"), "{} has no file of a checkpoint"),
    (without("config.json"), "{} has no config.json"),
    (writing("config.json", "{"), "{}/config.json is not a JSON file"),
    (writing("config.json", "[]"), "{}/config.json describes no model"),
    (writing("config.json", b"\xff"), "{}/config.json is not UTF-8 text"),
    (writing("tokenizer.json", '{"model": '), "{}/tokenizer.json is not a JSON file"),
    (stating("config.json", model_type="llava_next"), "{} has a model of type 'llava_next'"),
    (stating("config.json", model_type=["a", "\x1b"]), "{} has a model of type ['a', '\\x1b']"),
    (adapter, "{} is an adapter (LoRA)"),
    (writing("adapter_config.json", "{}"), "{} is an adapter (LoRA)"),
    (writing(SHARD, POINTER), "{}/" + SHARD + " is a Git LFS pointer"),
    (writing("tokenizer.json", POINTER), "{}/tokenizer.json is a Git LFS pointer"),
    (writing("config.json", POINTER), "{}/config.json is a Git LFS pointer"),
    (writing("tokenizer.model", POINTER), "Type `git lfs pull` in {}"),
    (
        without(INDEX),
        "{} has weights in 3 files (model-00001-of-00003.safetensors, …), but neither",
    ),
    (alone, "{} has weights in 1 files (weights.safetensors, …), but neither"),
    (writing(INDEX, "[]"), "{}/" + INDEX + " names no weights"),
    (without(SHARD), "{} lacks 1 of the 3 files of weights that " + INDEX + " names (" + SHARD),
    (without("*.safetensors"), "{} lacks 3 of the 3 files of weights"),
    (without("*.safetensors", INDEX), "{} has no *.safetensors. Other weight files can run code"),
    (stating(INDEX, weight_map={"a": "../../\x1b.bin"}), "names (../../�.bin)"),
    (dangling, "{}/" + SHARD + " cannot be read (No such file or directory)"),
    (cut, "{}/" + SHARD + " is cut short or damaged"),
    (longer, "{}/" + SHARD + " is cut short or damaged"),
    (writing(SHARD, b""), "{}/" + SHARD + " is cut short or damaged"),
    (writing(SHARD, b"\xff" * 100), "{}/" + SHARD + " is cut short or damaged"),
    *[
        (
            stating("config.json", quantization_config={"quant_method": method}),
            "{} is already quantized, by " + method + ", which Touchline does not support",
        )
        for method in METHODS
    ],
]


@pytest.mark.parametrize(("change", "sentence"), BROKEN)
def test_invalid_checkpoint_is_refused_in_one_sentence(folder, tmp_path, change, sentence):
    check(folder)
    change(folder)
    with pytest.raises(InputError) as error:
        fetch(str(folder), None, "llava_next_video", tmp_path / "checkpoint")
    message = str(error.value)
    assert sentence.format(folder) in message
    assert message.isprintable()
    assert message.endswith(".")


def test_message_about_a_damaged_folder_says_to_delete_the_folder(folder, tmp_path):
    made = tmp_path / "checkpoint"
    fetch(str(folder), None, "llava_next_video", made)
    check(made)
    (folder / SHARD).unlink()
    with pytest.raises(InputError, match=f"Delete {made}, so that the next run makes it again"):
        check(made)


def test_results_name_their_checkpoint_and_another_checkpoint_gives_a_warning(
    folder, tmp_path, caplog
):
    made, record = tmp_path / "checkpoint", tmp_path / "results" / "models" / "model_llava.json"
    fetch(str(folder), None, "llava_next_video", made)
    remember_origin(made, record)
    expected = {"checkpoint": str(folder), "revision": None, "commit": None, "adapter": None}
    assert read_json(record) == expected
    caplog.clear()
    with caplog.at_level(logging.WARNING, "touchline"):
        remember_origin(made, record)
        assert not caplog.records
        for commit in ("1" * 40, "2" * 40):
            origin = {"checkpoint": "a/b", "revision": "main", "commit": commit}
            (made / "touchline_origin.json").write_text(json.dumps(origin))
            remember_origin(made, record)
    assert read_json(record)["commit"] == "2" * 40
    message = caplog.records[-1].getMessage()
    assert f"made with a/b at commit {'1' * 40}. New results will differ" in message


def test_checkpoint_is_copied_if_links_are_refused(folder, tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "symlink", refuse)
    monkeypatch.setattr(os, "link", refuse)
    made = tmp_path / "checkpoint"
    fetch(str(folder), None, "llava_next_video", made)
    check(made)
    assert not any(file.is_symlink() for file in made.iterdir())
