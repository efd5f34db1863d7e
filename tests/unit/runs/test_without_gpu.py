"""Test the check for a GPU before models are fetched."""

import pytest
import torch
from safetensors.torch import save_file

from fakehub import FakeHub
from touchline.errors import InputError
from touchline.inputs.settings import Settings
from touchline.runs.inputs import Inputs
from touchline.runs.plan import Plan
from touchline.runs.without_gpu import check_machine

TO_DO = {"fetch_model": 1, "detect_slice": 4}


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 2)


def plan_with(checkpoint) -> Plan:
    settings = Settings.model_validate({"models": {"llava": {"checkpoint": str(checkpoint)}}})
    return Plan(Inputs(settings, {}, [0], {0: {}}, {}, {0: "video_0"}, [0]))


@pytest.fixture
def large(tmp_path):
    """Make a folder with a sparse file of 400 MB as weights."""
    folder = tmp_path / "large"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    with (folder / "model.safetensors").open("wb") as file:
        file.truncate(400_000_000)
    return folder


def test_large_model_without_a_gpu_is_refused_with_hours_and_advice(large):
    with pytest.raises(InputError) as refused:
        check_machine(plan_with(large), TO_DO, [])
    message = str(refused.value)
    assert "2 processor cores, each hour of footage would take llava about 5 hours" in message
    assert "--profile slurm" in message
    assert "CUDA_VISIBLE_DEVICES=" in message


def test_size_of_a_hub_model_is_known_before_fetching(large, monkeypatch):
    with FakeHub({"org/large": large}) as hub:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
        with pytest.raises(InputError, match=r"5 hours \(after 400.0 MB are fetched\)"):
            check_machine(plan_with("org/large"), TO_DO, [])
        assert not any(path.endswith("safetensors") for path in hub.served)


def test_empty_cuda_visible_devices_allows_a_large_model(large, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    check_machine(plan_with(large), TO_DO, [])


def test_fetching_models_alone_needs_no_gpu(large):
    check_machine(plan_with(large), {"fetch_model": 1, "quantize_model": 1}, [])


def test_tiny_model_may_run_on_the_processor(tmp_path):
    save_file({"weight": torch.zeros(1000, 1000)}, tmp_path / "model.safetensors")
    check_machine(plan_with(tmp_path), TO_DO, [])
