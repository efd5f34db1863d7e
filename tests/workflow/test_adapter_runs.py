"""Runs of a model with an adapter: it is merged in its own step, and again after a change."""

import json
import shutil

import pytest
import yaml

from clones import ROOT, new_clone
from facsimiles import lora

pytestmark = pytest.mark.slow

TRIGGERS = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())["rerun-triggers"]
MERGING = {"fetch_adapter": 1, "merge_adapter": 1}
FOLLOWING = {"detect_slice": 2, "merge_slices": 1, "predictions": 1}
ALL = ("predictions", "--rerun-triggers", *TRIGGERS)


@pytest.fixture(scope="module")
def done(tmp_path_factory, checkpoint, clip):
    """Return a clone after a complete run of a fine-tuned model."""
    clone = new_clone(tmp_path_factory.mktemp("adapters") / "clone", {})
    lora(checkpoint, clone.folder / "adapter")
    lora(checkpoint, clone.folder / "another", seed=1)
    shutil.copy(clip, clone.folder / "0.mkv")
    (clone.folder / "videos.tsv").write_text("video\tpath\n0\t0.mkv\n")
    clone.config |= {
        "slices": 2,
        "generation": {"max_new_tokens": 6},
        "models": {
            "llava": {"checkpoint": str(checkpoint), "revision": None, "adapter": "adapter"}
        },
        "compare_with": [],
    }
    clone.run(*ALL)
    return clone


def with_models(done, **changes):
    return {"models": {"llava": done.config["models"]["llava"] | changes}}


def test_results_name_the_adapter_and_the_16_bit_model_is_deleted(done):
    origin = json.loads((done.folder / "results/models/model_llava.json").read_text())
    assert origin["adapter"] == {"adapter": "adapter", "revision": None, "commit": None}
    assert not (done.folder / "resources/models/llava/merged").exists()
    assert (done.folder / "resources/models/llava/nf4").exists()
    assert done.jobs(*ALL) == {}


@pytest.mark.parametrize("changes", [{"adapter": "another"}, {"adapter_revision": "main"}])
def test_changed_adapter_repeats_the_merge_and_all_later_steps(done, changes):
    counts = done.jobs(*ALL, **with_models(done, **changes))
    assert counts == MERGING | {"quantize_model": 1} | FOLLOWING


def test_checkpoint_is_quantized_again_without_its_adapter(done):
    counts = done.jobs(*ALL, **with_models(done, adapter=None))
    assert counts == {"quantize_model": 1} | FOLLOWING


def test_changed_weights_of_a_local_adapter_merge_again(done):
    kept = shutil.copytree(done.folder / "adapter", done.folder / "kept")
    file = "adapter_model.safetensors"
    shutil.copyfile(done.folder / "another" / file, done.folder / "adapter" / file)
    assert done.jobs(*ALL) == MERGING | {"quantize_model": 1} | FOLLOWING
    shutil.copytree(kept, done.folder / "adapter", dirs_exist_ok=True)


def test_merged_weights_are_kept_for_a_model_in_16_bits(done):
    models = with_models(done, quantization="none")
    done.run(*ALL, **models, results="plain", resources="plain_models")
    assert (done.folder / "plain_models/models/llava/merged/config.json").exists()
    assert done.jobs(*ALL, **models, results="plain", resources="plain_models") == {}


def test_adapter_of_another_model_stops_the_run_before_detection(done, qwen_checkpoint):
    lora(qwen_checkpoint, done.folder / "of_qwen")
    models = with_models(done, adapter="of_qwen")
    run = done.snakemake(*ALL, **models, results="refused", resources="refused_models")
    assert run.returncode != 0
    assert "does not fit" in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    assert not (done.folder / "refused/partials").exists()


def test_missing_adapter_is_refused_before_the_dag(done):
    run = done.snakemake("-n", *ALL, **with_models(done, adapter="./nowhere"))
    assert run.returncode != 0
    # Between the two, the nearest name of another test's folder may be proposed.
    assert "./nowhere: there is no such folder" in run.stdout + run.stderr
    assert ". Correct models.*.adapter" in run.stdout + run.stderr
