"""Make partials/…_gpu{slice}.json and windows/…_gpu{slice}.jsonl: a slice's answers."""

from pathlib import Path

from touchline.config import (
    GenerationSettings,
    ImageSettings,
    WindowSettings,
    read_settings,
)
from touchline.files import read_record, read_text, write_json, write_json_lines
from touchline.fingerprint import check_fingerprint
from touchline.gpus import leased_gpu
from touchline.logs import job_log
from touchline.records import Manifest
from touchline.videos import read_videos
from touchline.windows import slice_bounds, windows_of


def main(job) -> None:
    manifest = read_record(job.input.manifest, Manifest)
    video = read_videos(read_settings(job.config).videos)[manifest.video]
    check_fingerprint(video.path, manifest)
    bounds = slice_bounds(manifest.duration, job.params.slices, int(job.wildcards.slice))
    windows = windows_of(*bounds, manifest.duration, WindowSettings(**job.params.window))

    with leased_gpu():
        # Imported with the GPU in hand: torch looks at CUDA_VISIBLE_DEVICES once.
        import torch

        from touchline.detect import Question, detect, partial_of
        from touchline.llava import LlavaNextVideo

        question = Question(
            prompt=read_text(job.input.prompt),
            image=ImageSettings(**job.params.image),
            generation=GenerationSettings(**job.params.generation),
        )
        torch.set_num_threads(job.threads)
        model = LlavaNextVideo(Path(job.input.checkpoint), job.params.dtype)
        records = list(detect(video.path, manifest, windows, question, model))

    write_json_lines(job.output.ledger, (record.model_dump() for record in records))
    write_json(job.output.partial, [answer.model_dump() for answer in partial_of(records)])


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(snakemake)
