"""A replacement for pynvml with the GPUs that an environment variable lists.

FAKE_GPUS is a JSON list with one object per GPU. Each has a uuid and can have a model, a mode (the
compute mode), instances (UUIDs of a divided GPU) and is_refused (this process may not open it).
"""

import json
import os
import shutil
import sys
from pathlib import Path


class NVMLError(Exception):
    pass


def fake_gpus(folder, *gpus):
    """Write a fake pynvml into a folder.

    Return the environment variables that make programs use it.
    """
    shutil.copy(__file__, Path(folder, "pynvml.py"))
    modules = os.pathsep.join([str(folder), *sys.path])
    return {"PYTHONPATH": modules, "FAKE_GPUS": json.dumps(gpus)}


def nvmlInit():
    if "FAKE_GPUS" not in os.environ:
        raise NVMLError("there is no driver")


def nvmlShutdown():
    pass


def _listed():
    return json.loads(os.environ["FAKE_GPUS"])


def nvmlDeviceGetCount():
    return len(_listed())


def nvmlDeviceGetHandleByIndex(number):
    if _listed()[number].get("is_refused"):
        raise NVMLError("no permission")
    return _listed()[number]


def nvmlDeviceGetUUID(handle):
    return handle["uuid"]


def nvmlDeviceGetName(handle):
    return handle.get("model", "H200")


def nvmlDeviceGetComputeMode(handle):
    return handle.get("mode", 0)


def nvmlDeviceGetMigMode(handle):
    if "instances" not in handle:
        raise NVMLError("not supported")
    return [1, 1]


def nvmlDeviceGetMaxMigDeviceCount(handle):
    return 7


def nvmlDeviceGetMigDeviceHandleByIndex(handle, number):
    if number >= len(handle["instances"]):
        raise NVMLError("not found")
    return {"uuid": handle["instances"][number]}
