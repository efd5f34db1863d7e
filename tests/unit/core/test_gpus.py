"""Tests that Touchline lists the GPUs that CUDA would show."""

import json
import os
import shutil
import subprocess
import sys

import pytest

import fakenvml
from touchline.core import gpus
from touchline.core.gpus import Gpu, candidates
from touchline.errors import InputError

A, B, C = (f"GPU-{letter * 8}-0000-0000-0000-000000000000" for letter in "abc")
BOTH = [{"uuid": A}, {"uuid": B}]
MIXED = [{"uuid": A, "model": "T4"}, {"uuid": B, "model": "H200"}]
DIVIDED = [{"uuid": A, "instances": ["MIG-1", "MIG-2"]}, {"uuid": B}]


@pytest.fixture(autouse=True)
def no_driver(monkeypatch, tmp_path):
    """Hide the GPUs of this machine from the test."""
    for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "FAKE_GPUS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(sys.modules, "pynvml", fakenvml)
    monkeypatch.setattr(gpus, "_ASK_CUDA", "raise SystemExit(1)")
    monkeypatch.setattr(gpus, "_NVIDIA", tmp_path / "nvidia")


@pytest.fixture
def machine(monkeypatch):
    def has(cards, visible=None):
        monkeypatch.setenv("FAKE_GPUS", json.dumps(cards))
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    return has


def test_gpus_are_found_without_the_nvidia_folder_in_proc(machine):
    machine(BOTH)
    assert candidates() == [Gpu("0", A), Gpu("1", B)]


def test_machine_without_a_driver_has_no_gpu(capfd):
    assert candidates() == []
    assert capfd.readouterr() == ("", "")


def test_driver_is_not_asked_if_cuda_visible_devices_hides_all_gpus(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr(subprocess, "run", None)
    for nothing in ("", " ", "-1", "-1,0", "NoDevFiles", "none"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", nothing)
        assert candidates() == []


# Measured on an H200 with driver 580, by cuInit and cuDeviceGetUuid.
@pytest.mark.parametrize(
    ("visible", "names"),
    [
        ("0", ["0"]),
        ("1,0", ["1", "0"]),
        (" 1 ,0", ["1", "0"]),
        ("0,-1,1", ["0"]),
        ("0,,1", ["0"]),
        ("0,x,1", ["0"]),
        ("0,7,1", ["0"]),
        ("+1gpu", ["+1gpu"]),
        (f"0,{B}", ["0"]),
        (f"{B},0", [B]),
        ("GPU-bb,GPU-aa", ["GPU-bb", "GPU-aa"]),
        ("GPU-bb, GPU-aa", ["GPU-bb"]),
        ("GPU-bb,GPU-x,GPU-aa", ["GPU-bb"]),
    ],
)
def test_visible_devices_are_parsed_as_cuda_parses_the_variable(machine, visible, names):
    machine(BOTH, visible)
    assert [gpu.name for gpu in candidates()] == names


@pytest.mark.parametrize("visible", ["2", "7,0", "0,0", "GPU-aa,GPU-aaa", "GPU-", "all", "gpu0"])
def test_invalid_cuda_visible_devices_that_hides_every_gpu_is_rejected(machine, visible):
    machine(BOTH, visible)
    with pytest.raises(InputError, match=f"CUDA_VISIBLE_DEVICES={visible} hides every GPU"):
        candidates()


def test_gpu_has_the_same_uuid_by_number_and_by_name(machine):
    machine(BOTH, "1")
    (by_number,) = candidates()
    machine(BOTH, "GPU-bbb")
    (by_name,) = candidates()
    assert by_number.uuid == by_name.uuid == B


def test_gpu_without_access_rights_is_not_listed(machine):
    machine([{"uuid": A, "is_refused": True}, {"uuid": B}], "0")
    assert candidates() == [Gpu("0", B)]


@pytest.mark.parametrize("mode", [1, 3])
def test_exclusive_compute_mode_is_detected(machine, mode):
    machine([{"uuid": A, "mode": mode}])
    assert candidates() == [Gpu("0", A, is_exclusive=True)]


def test_each_mig_instance_of_a_divided_gpu_is_listed(machine):
    machine(DIVIDED)
    assert candidates() == [Gpu("MIG-1", "MIG-1"), Gpu("MIG-2", "MIG-2"), Gpu(B, B)]
    machine(DIVIDED, "0")
    assert candidates() == [Gpu("MIG-1", "MIG-1"), Gpu("MIG-2", "MIG-2")]
    machine(DIVIDED, "MIG-2,MIG-1")
    assert candidates() == [Gpu("MIG-2", "MIG-2"), Gpu("MIG-1", "MIG-1")]
    # SLURM can name an instance that the driver does not list.
    machine(DIVIDED, "MIG-9")
    assert candidates() == [Gpu("MIG-9", "MIG-9")]


def test_gpus_of_different_models_are_named_by_uuid(machine, monkeypatch):
    """CUDA numbers the fastest GPU first. The driver numbers GPUs by their places on the bus."""
    machine(MIXED)
    assert candidates() == [Gpu(A, A), Gpu(B, B)]
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    assert candidates() == [Gpu("0", A), Gpu("1", B)]
    machine(MIXED, "1")
    assert candidates() == [Gpu("1", B)]


@pytest.mark.parametrize("cards", [None, MIXED])
def test_cuda_is_asked_if_nvml_cannot_answer(machine, monkeypatch, cards):
    if cards:
        machine(cards)
    monkeypatch.setattr(gpus, "_ASK_CUDA", f"print('{B} 3'); print('{A} 0')")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,0,9")
    assert candidates() == [Gpu("1", B, is_exclusive=True), Gpu("0", A)]


def test_gpus_are_listed_by_number_if_the_driver_does_not_answer(monkeypatch, tmp_path):
    (tmp_path / "nvidia" / "0000:00:06.0").mkdir(parents=True)
    assert candidates() == [Gpu("0")]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    assert candidates() == [Gpu("2"), Gpu("5")]


LIBCUDA = """
#include <stdlib.h>
#include <string.h>
int cuInit(unsigned flags) { return atoi(getenv("CUDA_STARTS")); }
int cuDeviceGetCount(int *count) { *count = 2; return 0; }
int cuDeviceGetUuid(unsigned char *uuid, int device) { memset(uuid, 0xa0 + device, 16); return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
  *value = attribute == 20 && device ? 3 : 0; return 0;
}
"""


def test_gpus_are_listed_by_cuda_in_another_process(tmp_path):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    (tmp_path / "cuda.c").write_text(LIBCUDA)
    library = [compiler, "-shared", "-fPIC", "-o", "libcuda.so.1", "cuda.c"]
    subprocess.run(library, cwd=tmp_path, check=True)
    program = (
        "import sys; sys.modules['pynvml'] = None\n"
        "from touchline.core.gpus import candidates\n"
        "print([(gpu.name, gpu.uuid[:8], gpu.is_exclusive) for gpu in candidates()])"
    )

    def printed(starts):
        paths = {"PYTHONPATH": os.pathsep.join(sys.path), "LD_LIBRARY_PATH": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | paths | {"CUDA_STARTS": starts},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    assert printed("0") == "[('0', 'GPU-a0a0', False), ('1', 'GPU-a1a1', True)]"
    assert printed("100") == "[]"


def test_pynvml_has_every_function_that_the_fake_pynvml_has():
    pynvml = pytest.importorskip("pynvml", exc_type=ImportError)
    if pynvml is fakenvml:
        del sys.modules["pynvml"]
        pynvml = pytest.importorskip("pynvml", exc_type=ImportError)
    asked = [name for name in vars(fakenvml) if name.startswith(("nvml", "NVML"))]
    assert [name for name in asked if not hasattr(pynvml, name)] == []
