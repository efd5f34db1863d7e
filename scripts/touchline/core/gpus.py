"""The GPUs that CUDA shows to this process, found out without starting CUDA in it.

CUDA reads CUDA_VISIBLE_DEVICES once, when it starts. A worker must have leased its GPU by then, so
NVIDIA's driver is asked: by its library NVML, or else by CUDA in another process.
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
# How people, and SLURM, say that there is to be none.
_NONE = re.compile(r"\s*(-.*|none|void|NoDevFiles)?\s*", re.IGNORECASE | re.DOTALL)
# As C's strtoul reads one: what follows the digits does not count.
_NUMBER = re.compile(r"\s*\+?(\d+)")
# CUDA's values for a GPU that takes one process at a time, of old drivers and of today's.
_EXCLUSIVE = (1, 3)
# A driver that is there, though it may not answer.
_NVIDIA = Path("/proc/driver/nvidia/gpus")

# Prints the UUID and the compute mode of each GPU. CUDA starts with 100 where it shows no GPU, and
# with 101 where CUDA_VISIBLE_DEVICES names one twice.
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
_CUDA_STARTS_WITHIN = 120  # seconds; many GPUs whose driver has to wake take half a minute

T = TypeVar("T")


@dataclass(frozen=True)
class Gpu:
    """A GPU, or an instance that a GPU is divided into (MIG).

    Attributes:
        name: its name in CUDA_VISIBLE_DEVICES.
        uuid: the same for every process of the machine; None if the driver does not answer.
        is_exclusive: whether it takes one process at a time (compute mode EXCLUSIVE_PROCESS).
    """

    name: str
    uuid: str | None = None
    is_exclusive: bool = False


@dataclass(frozen=True)
class _Card:
    """A GPU as NVML lists it; `instances` are UUIDs, None where the GPU is not divided."""

    uuid: str
    model: str
    is_exclusive: bool
    instances: tuple[str, ...] | None

    def gpus(self, name: str) -> list[Gpu]:
        """List the parts that a process can lease: the GPU by a name, or each of its instances."""
        if self.instances is None:
            return [Gpu(name, self.uuid, self.is_exclusive)]
        return [Gpu(instance, instance) for instance in self.instances]


def candidates() -> list[Gpu]:
    """List the GPUs that this process may use, as CUDA would show them.

    CUDA hides each GPU behind the first entry of CUDA_VISIBLE_DEVICES that names none, and all
    GPUs if one is named twice. Of a divided GPU it shows one instance to a process, so each
    instance is listed.

    Raises:
        InputError: CUDA_VISIBLE_DEVICES names GPUs, and the first of them is not there.
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
            f"CUDA_VISIBLE_DEVICES={plain(value)} hides every GPU: its first entry names no GPU "
            "here (nvidia-smi -L lists them), or two entries name the same one; correct it, or set "
            "it to nothing to run on the CPU."
        )
    return found


def _found(entries: Sequence[str] | None) -> list[Gpu]:
    """Return the GPUs that entries name; all GPUs without entries."""
    cards = _cards()
    found = None if cards is None else _among(cards, entries)
    if found is None:
        found = _shown_by_cuda(entries)
    if found is None:
        # torch says later why the driver does not answer, if there is one.
        names = map(str, range(len(list(_NVIDIA.glob("*"))))) if entries is None else entries
        found = [Gpu(name) for name in names]
    return found


def _entries(value: str) -> list[str]:
    """Return the entries of CUDA_VISIBLE_DEVICES as far as CUDA reads them.

    It stops at -1, at nothing and at words. It takes either UUIDs or numbers, as the first entry
    is.
    """
    entries: list[str] = []
    has_uuids = value.startswith(_UUID)
    for entry in value.split(","):
        if not (entry.startswith(_UUID) if has_uuids else _NUMBER.match(entry)):
            break
        entries.append(entry.strip())
    return entries


def _among(cards: Sequence[_Card], entries: Sequence[str] | None) -> list[Gpu] | None:
    """Return the GPUs that entries name; all GPUs without entries.

    None if only CUDA knows: it numbers the fastest GPU first, NVML by their places on the bus.
    """
    has_same_order = (
        len({card.model for card in cards}) <= 1
        or os.environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
    )
    if entries is None:
        # CUDA does not count a divided GPU beside others.
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
        named = _named(entry, cards)
        if not named:
            break
        if any(gpu.uuid == other.uuid for gpu in named for other in found):
            return []
        found += named
    return found


def _named(entry: str, cards: Sequence[_Card]) -> list[Gpu]:
    """Return the GPU, or its instances, that an entry of CUDA_VISIBLE_DEVICES names.

    UUIDs can be shortened. The list is empty if the entry names no GPU, or several.
    """
    if entry.startswith("MIG-"):
        instances = [each for card in cards for each in card.instances or ()]
        # NVML may be kept from listing an instance that CUDA takes.
        uuids = [each for each in instances if each.startswith(entry)] or [entry]
        return [Gpu(entry, uuids[0])] if len(uuids) == 1 else []
    if entry.startswith("GPU-"):
        found = [card for card in cards if card.uuid.startswith(entry) and entry != "GPU-"]
    else:
        number = _NUMBER.match(entry)
        found = [cards[int(number[1])]] if number and int(number[1]) < len(cards) else []
    return found[0].gpus(entry) if len(found) == 1 else []


def _cards() -> list[_Card] | None:
    """List the machine's GPUs; None where NVML does not answer."""
    try:
        import pynvml

        pynvml.nvmlInit()
    # pynvml's errors can be named only once it is imported.
    except Exception:
        return None
    try:
        return [_card(pynvml, handle) for handle in _handles(pynvml)]
    except pynvml.NVMLError:
        return None
    finally:
        pynvml.nvmlShutdown()


def _handles(nvml: Any) -> Iterator[Any]:
    for number in range(nvml.nvmlDeviceGetCount()):
        # CUDA does not show a GPU either that this process may not open, or that has failed.
        if handle := _answer(nvml, nvml.nvmlDeviceGetHandleByIndex, number, otherwise=None):
            yield handle


def _card(nvml: Any, handle: Any) -> _Card:
    mode = _answer(nvml, nvml.nvmlDeviceGetComputeMode, handle, otherwise=0)
    is_divided = _answer(nvml, nvml.nvmlDeviceGetMigMode, handle, otherwise=[0])[0]
    return _Card(
        uuid=nvml.nvmlDeviceGetUUID(handle),
        model=_answer(nvml, nvml.nvmlDeviceGetName, handle, otherwise=""),
        is_exclusive=mode in _EXCLUSIVE,
        instances=tuple(_instances(nvml, handle)) if is_divided else None,
    )


def _instances(nvml: Any, handle: Any) -> Iterator[str]:
    for number in range(_answer(nvml, nvml.nvmlDeviceGetMaxMigDeviceCount, handle, otherwise=0)):
        ask = nvml.nvmlDeviceGetMigDeviceHandleByIndex
        if instance := _answer(nvml, ask, handle, number, otherwise=None):
            yield nvml.nvmlDeviceGetUUID(instance)


def _answer(nvml: Any, ask: Callable[..., T], *arguments: Any, otherwise: T) -> T:
    """Ask NVML something that not every driver or GPU answers."""
    try:
        return ask(*arguments)
    except nvml.NVMLError:
        return otherwise


def _shown_by_cuda(entries: Sequence[str] | None) -> list[Gpu] | None:
    """Ask CUDA which GPUs it shows; None if it does not start."""
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
    # CUDA hides entries at the end only.
    return [
        Gpu(name, uuid, int(mode) in _EXCLUSIVE)
        for name, (uuid, mode) in zip(names, lines, strict=False)
    ]
