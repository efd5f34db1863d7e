"""What a command names is checked before anything runs."""

import pytest

from touchline.errors import InputError
from touchline.runs.command_line import asks_for_models, check_targets, model_of_slice


@pytest.mark.parametrize(
    ("target", "sentence"),
    [("evaluation", "no selected video has labels"), ("exports", "there is no table of videos")],
)
def test_a_target_of_nothing_is_refused(plan, bare, target, sentence):
    check_targets([target], plan)
    check_targets(["all"], bare)
    with pytest.raises(InputError, match=sentence):
        check_targets(["--cores", "1", target], bare)


def test_words_that_snakemake_keeps_to_itself(plan):
    assert asks_for_models(["models", "-n"])
    assert not asks_for_models(["-n"])
    assert model_of_slice(["--delete-all"], plan, "runs") == []
    folder = model_of_slice(["--delete-temp-output"], plan, "runs")
    assert folder == "resources/models/runs/nf4"
