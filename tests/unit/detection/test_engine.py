"""Test that each answer in a batch equals the answer to its window alone."""

import random
from functools import partial
from itertools import zip_longest

import pytest
import torch
from transformers import TopPLogitsWarper

from rounding import NF4_SHARE, assert_same_answers, assert_same_greedy, near
from touchline.detection.batch_size import rows_that_fit
from touchline.detection.drafts import Drafts
from touchline.detection.engine import Answering
from touchline.detection.sampling import choose, random_numbers
from touchline.detection.scheduler import Picture, Task
from touchline.detection.scoring import Generated
from touchline.detection.stopwatch import Stopwatch
from touchline.inputs.families import FAMILIES
from touchline.inputs.settings import GenerationSettings
from touchline.models.families import family
from touchline.models.families.base import Footage, PromptsRead
from touchline.models.families.qwen2_5_vl import cut_patches
from touchline.models.preprocessing import normalized

GREEDY = GenerationSettings(max_new_tokens=14)
SAMPLED = GenerationSettings(max_new_tokens=14, do_sample=True, temperature=1.3, top_p=0.9)


QWEN = "qwen2_5_vl"


@pytest.fixture(scope="module", params=FAMILIES)
def model(request, checkpoints):
    folder = checkpoints[request.param]
    return family(request.param)(folder, "What happens?", Footage(320, 180, 1.0), "float32")


@pytest.fixture(scope="module")
def pictures(model):
    return pictures_of(model)


def pictures_of(model, frames=26):
    """Make pictures from frames one second apart, with as many frames per picture as the model
    takes.
    """
    noise = torch.Generator().manual_seed(1)
    shape = (model.frames_per_picture, 3, 180, 320)
    pixels = [
        torch.randint(256, shape, generator=noise, dtype=torch.uint8)
        for _ in range(frames // model.frames_per_picture)
    ]
    return [torch.stack([model.pixels(frame, "pad") for frame in one]) for one in pixels]


def tasks(pictures, settings=GREEDY, windows=range(12), frames=4):
    """Make windows that share half of their frames with the next window.

    The last window has half as many frames. If frames are encoded in pairs, its last frame is
    missing.
    """
    per_picture = len(pictures[0])
    ready = [
        Picture(tuple(float(per_picture * k + n) for n in range(per_picture)), pixels)
        for k, pixels in enumerate(pictures)
    ]
    ready[-1].times = ready[-1].times[:1]
    per_window = frames // per_picture
    step = per_window // 2
    return [
        Task(
            number,
            ready[step * number :][:per_window] if number < 11 else ready[-step:],
            random_numbers(settings.seed, 0, 2.0 * number, settings.max_new_tokens),
        )
        for number in windows
    ]


def answered(model, tasks, rows, settings=GREEDY, frames=4, **more):
    most = frames // model.frames_per_picture
    answering = Answering(model, settings, rows=rows, pictures=most, clock=Stopwatch(), **more)
    return {task.index: generated for task, generated in answering.answers(iter(tasks))}


def stock_inputs(model, task):
    """Return the inputs of a window for transformers' own forward pass."""
    odd = len(task.pictures[-1].times) < model.frames_per_picture
    ids = model.prompt(len(task.pictures), odd).ids[None].to(model.device)
    pixels = torch.stack([picture.pixels for picture in task.pictures]).to(model.device)
    pixels = normalized(pixels, model.normalization)
    if model.frames_per_picture == 1:
        return ids, {"pixel_values_videos": pixels.transpose(0, 1)}
    patch = model.model.config.vision_config.patch_size
    height, width = (side // patch for side in pixels.shape[-2:])
    return ids, {
        "pixel_values_videos": cut_patches(pixels, patch, 2),
        "video_grid_thw": torch.tensor([[len(pixels), height, width]], device=model.device),
        **({"second_per_grid_ts": [2.0]} if model.model.config.model_type == QWEN else {}),
    }


def kinds(model, ids):
    """Return the token types that some library models need."""
    if model.frames_per_picture == 1:
        return {}
    return {"mm_token_type_ids": 2 * (ids == model.model.config.video_token_id).int()}


def by_the_library(model, task):
    """Return the answer of transformers' own `generate`, with its log probabilities."""
    ids, shown = stock_inputs(model, task)
    generated = model.model.generate(
        input_ids=ids,
        **shown,
        **kinds(model, ids),
        max_new_tokens=14,
        do_sample=False,
        output_logits=True,
        return_dict_in_generate=True,
    )
    tokens = generated.sequences[0, ids.shape[1] :].tolist()
    rows = torch.stack(generated.logits).float().log_softmax(-1)
    logprobs = [row[0, token].item() for row, token in zip(rows, tokens, strict=True)]
    return Generated(model.decode(tokens), tuple(tokens), tuple(logprobs))


@pytest.mark.parametrize("frames", [4, 16, 30])
def test_answers_equal_transformers_generate(kind, source, frames):
    model = kind(source, "What happens?", Footage(320, 180, 1.0, frames), "float32")
    some = partial(tasks, pictures_of(model, 13 * frames // 2), frames=frames)
    answers = answered(model, some(), 5, frames=frames)
    for task in some():
        expected, answer = by_the_library(model, task), answers[task.index]
        assert_same_greedy(answer, expected)
        assert answer.text == model.tokenizer.decode(answer.tokens, skip_special_tokens=True)


def test_log_probabilities_equal_a_single_forward_pass(model, pictures):
    answers = answered(model, tasks(pictures), 5)
    for task in tasks(pictures):
        ids, shown = stock_inputs(model, task)
        answer = answers[task.index]
        with torch.inference_mode():
            full = torch.cat([ids, ids.new_tensor([answer.tokens])], dim=1)
            logits = model.model(input_ids=full, **shown, **kinds(model, full)).logits[0]
        rows = logits[ids.shape[1] - 1 : -1].log_softmax(-1)
        expected = [row[token].item() for row, token in zip(rows, answer.tokens, strict=True)]
        assert list(answer.logprobs) == near(expected)


def test_nf4_answers_equal_transformers_generate(kind, quantized):
    model = kind(quantized, "What happens?", Footage(320, 180, 1.0), "float32")
    some = tasks(pictures_of(model), windows=(0, 1, 11))
    answers = answered(model, some, 2)
    for task in tasks(pictures_of(model), windows=(0, 1, 11)):
        assert_same_greedy(answers[task.index], by_the_library(model, task), NF4_SHARE)


@pytest.mark.parametrize("settings", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_answers_do_not_depend_on_other_windows(model, pictures, settings):
    alone = {
        task.index: answered(model, [task], 1, settings)[task.index]
        for task in tasks(pictures, settings)
    }
    shuffled = list(range(11))
    random.Random(3).shuffle(shuffled)
    for rows in (1, 3, 8, 16):
        for windows in (range(12), [*shuffled, 11], range(4, 9)):
            together = answered(model, tasks(pictures, settings, windows), rows, settings)
            expected = {n: alone[n] for n in windows}
            assert_same_answers(together, expected, sampled=settings is SAMPLED)


@pytest.fixture
def two_threads():
    """Use two threads, like a worker with two cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_answers_of_a_model_on_two_threads_do_not_depend_on_the_batch(model, pictures):
    whole = answered(model, tasks(pictures), 4)
    for windows in ([5], [9, 2, 7], range(3, 12)):
        some = answered(model, tasks(pictures, windows=windows), 4)
        assert_same_answers(some, {n: whole[n] for n in windows})


def test_sampling_depends_on_the_seed(model, pictures):
    first, again = (answered(model, tasks(pictures, SAMPLED), 4, SAMPLED) for _ in range(2))
    assert_same_answers(first, again, sampled=True)
    other = SAMPLED.model_copy(update={"seed": 9})
    changed = answered(model, tasks(pictures, other), 4, other)
    assert any(changed[n].tokens != first[n].tokens for n in range(12))


class Script:
    """A model with scripted answers and scripted lack of memory.

    The only feature of a frame is its first pixel, which selects the answer of the window.
    """

    eos = frozenset({0})
    frames_per_picture = 1
    pictures_at_once = 1

    def __init__(self, answers, memory=lambda what, rows: True, drafts=0):
        self.answers, self.memory, self.drafts = answers, memory, drafts
        self.encoded, self.steps, self.largest = 0, 0, 0
        self.scripts = {}

    def encode(self, pixels):
        self._need("encode", len(pixels))
        self.encoded += len(pixels)
        return pixels.flatten(1)[:, :1, None]

    def new_cache(self, rows, pictures, new_tokens):
        self.rows = rows
        self._need("cache", rows)
        self.scripts = {}
        # The script is the cache of itself.
        return self

    def advance(self, counts):
        for row, count in enumerate(counts):
            self.scripts[row] = self.scripts.get(row, [])[count:]

    def prefill(self, features, cache, rows, odd):
        assert not odd
        self._need("prefill", len(features))
        firsts = []
        for row, which in zip_longest(rows, features[:, 0, 0, 0].tolist()):
            first, *answer = self.answers[int(which)]
            firsts.append(first)
            if row is not None:
                self.scripts[row] = answer
        logits = self._logits(firsts)
        return PromptsRead(logits, logits)

    def step(self, tokens, cache):
        self._need("step", len(tokens))
        self.steps += 1
        count = 1 + self.drafts
        assert tokens.shape[1] == count
        padded = [[*self.scripts.get(row, []), *[0] * count] for row in range(len(tokens))]
        return self._logits([answer[:count] for answer in padded])

    def decode(self, tokens):
        return "".join(("", "[", "1", "]", "x")[token] for token in tokens)

    def _logits(self, tokens):
        return torch.nn.functional.one_hot(torch.tensor(tokens), 5).float() * 9

    def _need(self, what, rows):
        if not self.memory(what, self.rows):
            raise torch.OutOfMemoryError(what)


LETTER = 4


def scripted(answers):
    pictures = [
        Picture((float(n),), torch.full((1, 1, 1, 1), float(n))) for n in range(len(answers))
    ]
    return [Task(n, [picture], torch.zeros(40)) for n, picture in enumerate(pictures)]


def run(script, rows, tokens=40, tasks=None, **more):
    settings = GenerationSettings(max_new_tokens=tokens)
    answering = Answering(script, settings, rows=rows, pictures=1, clock=Stopwatch(), **more)
    done = list(answering.answers(iter(tasks or scripted(script.answers))))
    return {task.index: generated for task, generated in done}, answering.rows, done


def test_rows_of_short_answers_are_reused_during_a_long_answer():
    # One answer has 30 tokens and 28 answers have two. All short answers finish during the long
    # answer. Batches that wait for their longest answer would need more steps.
    script = Script([[LETTER] * 29 + [0]] + [[LETTER, 0]] * 28)
    answers, _, _ = run(script, rows=4)
    assert len(answers) == 29
    assert script.steps == 29


def test_drafts_from_earlier_answers_save_steps():
    # The first answer takes 12 steps. After that, each step yields five tokens.
    answer = [1, 2, 1, 4, 2, 2, 1, 1, 4, 4, 1, 4, 0]
    script = Script([answer] * 5, drafts=4)
    answers, _, _ = run(script, rows=1)
    assert {answers[n].tokens for n in range(5)} == {tuple(answer)}
    assert script.steps <= 12 + 4 * 3


def test_drafts_from_an_example_save_steps():
    answer = [1, 2, 1, 4, 2, 2, 1, 1, 4, 4, 1, 4, 0]
    script, drafts = Script([answer] * 3, drafts=4), Drafts()
    drafts.learn(answer)
    answers, _, _ = run(script, rows=1, drafts=drafts)
    assert {answers[n].tokens for n in range(3)} == {tuple(answer)}
    assert script.steps <= 3 * 3


@pytest.mark.parametrize("drafts", [0, 1, 7])
def test_drafts_do_not_change_answers(drafts):
    source = random.Random(drafts)
    answers = [[*source.choices([1, 2, 4], k=source.randrange(40)), 0] for _ in range(60)]
    script = Script(answers, drafts=drafts)
    found, _, _ = run(script, rows=7, tokens=30)
    assert [list(found[n].tokens) for n in range(60)] == [answer[:30] for answer in answers]


def test_finished_answers_are_yielded_immediately():
    script = Script([[LETTER] * 29 + [0], [LETTER, 0], [LETTER] * 5 + [0]])
    _, _, done = run(script, rows=3)
    assert [task.index for task, _ in done] == [1, 2, 0]


def test_answer_ends_at_its_end_token_or_maximum_length_or_complete_list():
    opened, one, closed = 1, 2, 3
    script = Script(
        [
            [LETTER, LETTER, 0, LETTER],
            [LETTER] * 50,
            [opened, one, closed, LETTER, LETTER],
            [opened, LETTER, closed, one, 0],
        ]
    )
    answers, _, _ = run(script, rows=2, tokens=7)
    assert [answers[n].text for n in range(4)] == ["xx", "xxxxxxx", "[1]", "[x]1"]
    assert [len(answers[n].tokens) for n in range(4)] == [3, 7, 3, 5]


def test_shared_pictures_are_encoded_once():
    pictures = [Picture((float(n),), torch.full((1, 1, 1, 1), float(n))) for n in range(9)]
    windows = [Task(n, pictures[n : n + 3], torch.zeros(40)) for n in range(7)]
    script = Script([[LETTER, 0]] * 9)
    answering = Answering(
        script, GenerationSettings(max_new_tokens=40), rows=4, pictures=3, clock=Stopwatch()
    )
    assert len(list(answering.answers(iter(windows)))) == 7
    assert script.encoded == 9


@pytest.mark.parametrize("what", ["cache", "encode", "prefill", "step"])
def test_out_of_memory_halves_the_rows_without_losing_answers(what):
    lengths = [3, 20, 2, 9, 5, 14, 2, 2, 7, 30, 4, 6]
    script = Script(
        [[LETTER] * n + [0] for n in lengths], lambda call, rows: call != what or rows <= 2
    )
    answers, rows, _ = run(script, rows=8)
    assert rows == 2
    assert [len(answers[n].tokens) for n in range(12)] == [n + 1 for n in lengths]


def test_occasional_out_of_memory_loses_no_answers():
    source = random.Random(5)
    lengths = [source.randrange(1, 30) for _ in range(40)]
    script = Script(
        [[LETTER] * n + [0] for n in lengths],
        lambda what, rows: rows == 1 or source.random() > 0.02,
    )
    answers, _, done = run(script, rows=16)
    assert [len(answers[n].tokens) for n in range(40)] == [n + 1 for n in lengths]
    assert len(done) == 40
    assert max(task.attempts for task, _ in done) > 1


@pytest.mark.parametrize("what", ["cache", "encode", "prefill", "step"])
def test_windows_that_never_fit_are_skipped(what):
    script = Script([[LETTER, LETTER, 0]] * 5, lambda call, rows: call != what)
    answers, rows, _ = run(script, rows=4)
    assert answers == dict.fromkeys(range(5), "skipped_oom")
    assert rows == 1


def test_window_that_never_fits_does_not_affect_others():
    class Greedy(Script):
        def prefill(self, features, cache, rows, odd):
            if 3 in features[:, 0, 0, 0].tolist():
                raise torch.OutOfMemoryError
            return super().prefill(features, cache, rows, odd)

    answers, _, done = run(Greedy([[LETTER, 0]] * 8), rows=4)
    assert [n for n, generated in answers.items() if generated == "skipped_oom"] == [3]
    assert len(done) == 8


def test_model_errors_other_than_out_of_memory_are_raised():
    class Broken(Script):
        def step(self, tokens, cache):
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        run(Broken([[LETTER, 0]]), rows=2)


def test_nucleus_sampling_equals_nucleus_sampling_in_transformers():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn((50, 40), generator=generator) * 3
    for top_p in (0.1, 0.5, 0.9, 1.0):
        settings = GenerationSettings(do_sample=True, temperature=1.0, top_p=top_p)
        allowed = TopPLogitsWarper(top_p)(None, logits).isfinite()
        chosen = torch.stack(
            [
                choose(logits, settings, torch.full((50,), u))[0]
                for u in (0.0, 0.2, 0.5, 0.8, 0.999999)
            ],
            dim=-1,
        )
        assert allowed.gather(-1, chosen).all()


def test_sampled_tokens_follow_the_distribution_of_the_model():
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0]]).repeat(20_000, 1)
    settings = GenerationSettings(do_sample=True, temperature=0.5, top_p=1.0)
    uniforms = torch.rand(20_000, generator=torch.Generator().manual_seed(4))
    tokens, logprobs = choose(logits, settings, uniforms)
    shares = torch.bincount(tokens, minlength=4) / 20_000
    assert shares.tolist() == pytest.approx((logits[0] / 0.5).softmax(-1).tolist(), abs=0.01)
    assert logprobs[0].item() == near(logits[0].log_softmax(-1)[tokens[0]].item())


def test_requested_batch_size_is_used(model):
    assert rows_that_fit(model, 4, 14, 3) == 3
    assert rows_that_fit(model, 4, 14, "auto") >= 1
