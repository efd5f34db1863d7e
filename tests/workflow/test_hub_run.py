"""The run of a first user: models from the hub, over a connection that fails once."""

import pytest
from safetensors.torch import load_file

from clones import ROOT, new_clone
from facsimiles import FAMILIES, REPOS, facsimile
from fakehub import COMMIT, FakeHub, Order
from touchline.models.quantize import quantize

pytestmark = pytest.mark.slow

CUT = {"llava": "model-00002-of-00003.safetensors", "qwen": "model-00004-of-00005.safetensors"}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub")
    return {kind: facsimile(kind, folder / kind) for kind in REPOS}


@pytest.fixture(scope="module")
def hub(models):
    with FakeHub({REPOS[kind]: model for kind, model in models.items()}) as hub:
        hub.orders = [Order(name, cut=100_000) for name in CUT.values()]
        yield hub


@pytest.fixture(scope="module")
def done(hub, tmp_path_factory, clip):
    """Return a clone after a run of both families, from the download to the final predictions."""
    folder = tmp_path_factory.mktemp("run")
    config = {
        "slices": 1,
        "generation": {"max_new_tokens": 24},
        "detect_with": list(REPOS),
        "compare_with": [],
        "models": {
            kind: {"checkpoint": repo, "revision": revision, "family": FAMILIES[kind]}
            for (kind, repo), revision in zip(REPOS.items(), ("main", COMMIT), strict=True)
        },
    }
    clone = new_clone(folder / "clone", config)
    (clone.folder / "videos.tsv").write_text(f"video\tpath\n0\t{clip}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", hub.url)
        patch.setenv("HF_HOME", str(folder / "home"))
        patch.setenv("no_proxy", "127.0.0.1")
        patch.delenv("HF_HUB_OFFLINE", raising=False)
        clone.run("predictions")
    return clone


@pytest.mark.parametrize("kind", REPOS)
def test_run_fetches_and_uses_the_model_on_the_hub(done, kind, tmp_path):
    quantize(ROOT / "demo" / f"model-{kind}", tmp_path / "nf4")
    expected, got = (
        # Without the prefix that transformers 4 gave the vision tower.
        {k.replace("vision_model.", ""): w for k, w in load_file(f / "model.safetensors").items()}
        for f in (tmp_path / "nf4", done.folder / "resources" / "models" / kind / "nf4")
    )
    assert expected.keys() == got.keys()
    assert all(expected[key].equal(got[key]) for key in expected)


@pytest.mark.parametrize("kind", REPOS)
def test_results_have_answers_and_name_the_commit(done, kind):
    ledger = done.read(f"windows/windows_{kind}_vid0_gpu0.jsonl")
    assert [window["start"] for window in ledger] == [0, 2, 4, 6, 8]
    assert all(window["tokens"] for window in ledger)
    assert isinstance(done.read(f"predictions/final_predictions_{kind}_video_0.json"), list)
    assert done.read(f"models/model_{kind}.json")["commit"] == COMMIT
    log = (done.folder / "results" / "logs" / "detect" / f"{kind}_vid0_gpu0.log").read_text()
    assert f"The model is {REPOS[kind]} at commit {COMMIT}." in log
