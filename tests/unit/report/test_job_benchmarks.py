"""What Snakemake measured of a job is read as far as it is there."""

import pytest

from touchline.report.job_benchmarks import Benchmark, read_benchmark


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("s\th:m:s\tmax_rss\n8.5\t0:00:08\t521.5\n", Benchmark(8.5, 521.5)),
        ("s\tmax_rss\n1\t2\n3\t-\n", Benchmark(3, None)),
        ("s\tmax_rss\nNA\tnan\n", Benchmark(None, None)),
        ("s\tmax_rss\n0\n", Benchmark(None, None)),
        ("", Benchmark(None, None)),
        (b"\xff\x00", Benchmark(None, None)),
    ],
)
def test_a_benchmark_file_is_read_for_what_it_has(tmp_path, text, known):
    path = tmp_path / "detect.tsv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert read_benchmark(path) == known
    assert read_benchmark(tmp_path / "gone.tsv") == Benchmark(None, None)
