"""The GPUs that CUDA shows to this process, listed without starting CUDA in it.

CUDA reads CUDA_VISIBLE_DEVICES once, when it starts. A worker must lease its GPU before that. So
this module asks NVIDIA's driver through its library NVML, or else asks CUDA in another process.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from touchline.errors import InputError, plain

_UUID = ("GPU-", "MIG-")
# Values by which people and SLURM hide all GPUs.
_NONE = re.compile(r"\s*(-.*|none|void|NoDevFiles)?\s*", re.IGNORECASE | re.DOTALL)
# CUDA reads numbers with C's strtoul, which ignores the text after the digits.
_NUMBER = re.compile(r"\s*\+?(\d+)")
# Compute modes of a GPU that takes one process at a time, in old and in current drivers.
_EXCLUSIVE = (1, 3)
# This folder exists if a driver is installed, even if it does not answer.
_NVIDIA = Path("/proc/driver/nvidia/gpus")

# This program prints the UUID and the compute mode of each GPU. cuInit returns 100 if no GPU is
# visible, and 101 if CUDA_VISIBLE_DEVICES names a GPU twice.
_ASK_CUDA = """
import ctypes, sys, uuid
cuda = ctypes.CDLL("libcuda.so.1")
started = cuda.cuInit(0)
if started:
    sys.exit(started not in (100, 101))
count, mode, name = ctypes.c_int(), ctypes.c_int(), (ctypes.c_ubyte * 16)()
failed = cuda.cuDeviceGetCount(ctypes.byref(count))
for device in range(count.value):
    failed |= cuda.cuDeviceGetUuid(ctypes.byref(name), device)
    failed |= cuda.cuDeviceGetAttribute(ctypes.byref(mode), 20, device)
    print(f"GPU-{uuid.UUID(bytes=bytes(name))}", mode.value)
sys.exit(bool(failed))
"""
# Seconds. A driver with many GPUs can take half a minute to start.
_CUDA_STARTS_WITHIN = 120

T = TypeVar("T")


@dataclass(frozen=True)
class Gpu:
    """A GPU, or one instance of a GPU that MIG divides.

    Attributes:
        name: name of the GPU in CUDA_VISIBLE_DEVICES.
        uuid: identifier that is the same for every process on the machine; None if the driver does
            not answer.
        is_exclusive: whether the GPU takes one process at a time (compute mode EXCLUSIVE_PROCESS).
    """

    name: str
    uuid: str | None = None
    is_exclusive: bool = False


@dataclass(frozen=True)
class _Card:
    """A GPU in NVML's list.

    Attributes:
        instances: UUIDs of the MIG instances; None if the GPU is not divided.
    """

    uuid: str
    model: str
    is_exclusive: bool
    instances: tuple[str, ...] | None

    def gpus(self, name: str) -> list[Gpu]:
        """List the GPUs that a process can lease: the whole GPU, or each MIG instance."""
        if self.instances is None:
            return [Gpu(name, self.uuid, self.is_exclusive)]
        return [Gpu(instance, instance) for instance in self.instances]


def candidates() -> list[Gpu]:
    """List the GPUs that this process may use, as CUDA would show them.

    CUDA ignores an unknown entry of CUDA_VISIBLE_DEVICES and all entries after it. It shows no GPU
    if the variable names a GPU twice. CUDA shows a process only one instance of a divided GPU, so
    each instance is listed separately.

    Raises:
        InputError: CUDA_VISIBLE_DEVICES names GPUs but makes none of them visible.
    """
    value = os.environ.get("CUDA_VISIBLE_DEVICES")
    if value is not None and _NONE.fullmatch(value):
        return []
    entries = None if value is None else _entries(value)
    found: list[Gpu] = []
    if entries is None or len(set(entries)) == len(entries) > 0:
        found = _found(entries)
    if value is not None and not found:
        raise InputError(
            f"CUDA_VISIBLE_DEVICES={plain(value)} hides every GPU. Its first entry names no GPU "
            "here (nvidia-smi -L lists them), or two entries name the same GPU. Correct it, or set "
            "it to an empty text to run on the CPU."
        )
    return found


def _found(entries: Sequence[str] | None) -> list[Gpu]:
    """Return the GPUs that the entries of CUDA_VISIBLE_DEVICES name.

    If `entries` is None, all GPUs are returned.
    """
    cards = _cards()
    found = None if cards is None else _select_from_cards(cards, entries)
    if found is None:
        found = _ask_cuda(entries)
    if found is None:
        # If a driver exists, torch reports later why it does not answer.
        names = map(str, range(len(list(_NVIDIA.glob("*"))))) if entries is None else entries
        found = [Gpu(name) for name in names]
    return found


def _entries(value: str) -> list[str]:
    """Split CUDA_VISIBLE_DEVICES into entries, and drop the part that CUDA ignores.

    CUDA stops reading at -1, at an empty entry and at words. The type of the first entry decides
    whether CUDA reads UUIDs or numbers.
    """
    entries: list[str] = []
    has_uuids = value.startswith(_UUID)
    for entry in value.split(","):
        if not (entry.startswith(_UUID) if has_uuids else _NUMBER.match(entry)):
            break
        entries.append(entry.strip())
    return entries


def _select_from_cards(cards: Sequence[_Card], entries: Sequence[str] | None) -> list[Gpu] | None:
    """Return the cards named in CUDA_VISIBLE_DEVICES; all cards if there is no entry.

    Return None if only CUDA knows the numbers of the GPUs. CUDA numbers the fastest GPU first, and
    NVML numbers GPUs by their places on the bus.
    """
    has_same_order = (
        len({card.model for card in cards}) <= 1
        or os.environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
    )
    if entries is None:
        # CUDA gives a divided GPU no number of its own beside other GPUs.
        is_numbered = has_same_order and all(card.instances is None for card in cards)
        return [
            gpu
            for number, card in enumerate(cards)
            for gpu in card.gpus(str(number) if is_numbered else card.uuid)
        ]
    if not has_same_order and not entries[0].startswith(_UUID):
        return None
    found: list[Gpu] = []
    for entry in entries:
        named = _gpus_for_entry(entry, cards)
        if not named:
            break
        if any(gpu.uuid == other.uuid for gpu in named for other in found):
            return []
        found += named
    return found


def _gpus_for_entry(entry: str, cards: Sequence[_Card]) -> list[Gpu]:
    """Return the GPU or the MIG instance that one entry of CUDA_VISIBLE_DEVICES names.

    An entry can be the beginning of a UUID. For an entry that names a divided GPU, all of the GPU's
    instances are returned. The list is empty if no GPU or several GPUs fit the entry.
    """
    if entry.startswith("MIG-"):
        instances = [each for card in cards for each in card.instances or ()]
        # NVML may lack permission to list an instance that CUDA accepts.
        uuids = [each for each in instances if each.startswith(entry)] or [entry]
        return [Gpu(entry, uuids[0])] if len(uuids) == 1 else []
    if entry.startswith("GPU-"):
        found = [card for card in cards if card.uuid.startswith(entry) and entry != "GPU-"]
    else:
        number = _NUMBER.match(entry)
        found = [cards[int(number[1])]] if number and int(number[1]) < len(cards) else []
    return found[0].gpus(entry) if len(found) == 1 else []


def _cards() -> list[_Card] | None:
    """List the machine's GPUs. Return None if NVML does not answer."""
    try:
        import pynvml

        pynvml.nvmlInit()
    # pynvml's error classes do not exist before the import succeeds.
    except Exception:
        return None
    try:
        return [_card(pynvml, handle) for handle in _handles(pynvml)]
    except pynvml.NVMLError:
        return None
    finally:
        pynvml.nvmlShutdown()


def _handles(nvml: Any) -> Iterator[Any]:
    """Yield the NVML handle of each GPU that this process may open."""
    for number in range(nvml.nvmlDeviceGetCount()):
        # CUDA also hides GPUs that this process may not open and GPUs that have failed.
        if handle := _answer(nvml, nvml.nvmlDeviceGetHandleByIndex, number, otherwise=None):
            yield handle


def _card(nvml: Any, handle: Any) -> _Card:
    """Read the properties of one GPU from NVML."""
    mode = _answer(nvml, nvml.nvmlDeviceGetComputeMode, handle, otherwise=0)
    is_divided = _answer(nvml, nvml.nvmlDeviceGetMigMode, handle, otherwise=[0])[0]
    return _Card(
        uuid=nvml.nvmlDeviceGetUUID(handle),
        model=_answer(nvml, nvml.nvmlDeviceGetName, handle, otherwise=""),
        is_exclusive=mode in _EXCLUSIVE,
        instances=tuple(_instances(nvml, handle)) if is_divided else None,
    )


def _instances(nvml: Any, handle: Any) -> Iterator[str]:
    """Yield the UUIDs of a GPU's MIG instances."""
    for number in range(_answer(nvml, nvml.nvmlDeviceGetMaxMigDeviceCount, handle, otherwise=0)):
        ask = nvml.nvmlDeviceGetMigDeviceHandleByIndex
        if instance := _answer(nvml, ask, handle, number, otherwise=None):
            yield nvml.nvmlDeviceGetUUID(instance)


def _answer(nvml: Any, ask: Callable[..., T], *arguments: Any, otherwise: T) -> T:
    """Call an NVML function.

    Return `otherwise` if this driver or GPU does not support the function.
    """
    try:
        return ask(*arguments)
    except nvml.NVMLError:
        return otherwise


def _ask_cuda(entries: Sequence[str] | None) -> list[Gpu] | None:
    """Ask CUDA in another process which GPUs it shows. Return None if CUDA does not start."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _ASK_CUDA],
            capture_output=True,
            text=True,
            timeout=_CUDA_STARTS_WITHIN,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    lines = [line.split() for line in done.stdout.splitlines()]
    names = map(str, range(len(lines))) if entries is None else entries
    # CUDA drops entries only at the end, so names and lines correspond from the start.
    return [
        Gpu(name, uuid, int(mode) in _EXCLUSIVE)
        for name, (uuid, mode) in zip(names, lines, strict=False)
    ]
