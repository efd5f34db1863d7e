"""Slices that ask a server need no GPU, and get the key from the user's shell."""

import pytest
import yaml

from clones import new_clone
from fakeserver import serving
from slurm.test_profile import typed

KEY = "sk-secret-0123456789"


@pytest.fixture
def fake():
    with serving() as fake:
        yield fake


def test_jobs_get_the_key_and_no_gpu(cluster, clip, fake, tmp_path, monkeypatch):
    monkeypatch.setenv("THE_KEY", KEY)
    model = {
        "family": "server",
        "endpoint": fake.endpoint,
        "checkpoint": "tiny",
        "key_variable": "THE_KEY",
    }
    config = {
        "slices": 2,
        "videos": str(clip),
        "detect_with": "asked",
        "models": {"asked": model},
    }
    clone = new_clone(tmp_path / "clone", {})
    (clone.folder / "my.yaml").write_text(yaml.safe_dump(config))
    done = typed(clone.folder, "predictions", "--configfile=my.yaml")
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "GPU" not in output
    assert len(fake.requests) == 6
    assert {headers["authorization"] for headers in fake.headers} == {f"Bearer {KEY}"}
    jobs = [job for job in cluster.queue("%A|%k|%b") if "detect_slice" in job[1]]
    assert [job[2] for job in jobs] == ["N/A"] * 2
    files = [path for path in clone.folder.rglob("*") if path.is_file()]
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
