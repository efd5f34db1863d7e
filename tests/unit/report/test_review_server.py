"""Test that the review server serves pages and videos, saves verdicts and refuses other
requests.
"""

import re
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import httpx2 as httpx
import pytest
from starlette.testclient import TestClient

from clones import ROOT
from touchline.errors import InputError
from touchline.inputs.labels import Labels
from touchline.inputs.videos import Video
from touchline.report.pages import render
from touchline.report.review_server import LARGEST, ReviewServer, listen

SECRET = "a-secret"
TABLE = "video,time_s,label,verdict,said_time_s,said_label\n7,3.5,Goal,confirmed,3.5,Goal\n"
MATCH = {
    "match": SimpleNamespace(video=7, duration=60.0, truth=None, problems=[]),
    "name": SimpleNamespace(home=None, away=None, half=None, game=None, title=lambda _: "A match"),
    "rows": [],
    "tolerance": 5.0,
}


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    (folder / "report").mkdir(parents=True)
    (folder / "report/index.html").write_text('<meta charset="utf-8">\n<a href="video_7.html">')
    (folder / "report/video_7.html").write_text(render("match.html.j2", "elements.js", {}, **MATCH))
    (folder / "run.json").write_text("{}")
    return folder


@pytest.fixture
def client(results, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    video = tmp_path / "elsewhere/match é.mp4"
    video.write_bytes(bytes(range(256)) * 40)
    videos = {7: Video(video=7, path=video), 8: Video(video=8, path=tmp_path / "gone.mp4")}
    server = ReviewServer(results, videos, Labels.read(ROOT / "labels.yaml"))
    return TestClient(server.app(SECRET, {"node1"}), base_url=f"http://127.0.0.1:8765/{SECRET}/")


def put(client, content=TABLE, **headers):
    headers = {"Origin": "http://127.0.0.1:8765", "If_None_Match": "*"} | headers
    headers = {name.replace("_", "-"): value for name, value in headers.items() if value}
    return client.put("verdicts/7", content=content, headers=headers)


def test_served_pages_may_connect_to_their_server(client, results):
    assert 'href="video_7.html"' in client.get("").text
    assert client.get("index.html").text == client.get("").text
    page = client.get("video_7.html")
    assert page.text.count('<meta name="touchline-server" content=".">') == 1
    assert "connect-src &#39;self&#39;" in page.text
    from_disk = (results / "report/video_7.html").read_text()
    assert "connect-src &#39;none&#39;" in from_disk
    assert 'name="touchline-server"' not in from_disk
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["X-Content-Type-Options"] == "nosniff"


def test_videos_are_served_in_ranges(client):
    whole = client.get("videos/7")
    assert (whole.status_code, len(whole.content)) == (200, 10240)
    assert whole.headers["Content-Type"] == "video/mp4"
    part = client.get("videos/7", headers={"Range": "bytes=256-260"})
    assert (part.status_code, part.content) == (206, bytes(range(5)))
    assert part.headers["Content-Range"] == "bytes 256-260/10240"
    assert client.get("videos/7", headers={"Range": "bytes=99999-"}).status_code == 416
    assert client.get("videos/8").status_code == client.get("videos/9").status_code == 404


def test_playable_copy_is_served(client, tmp_path):
    assert client.get("videos/7/copy").status_code == 404
    (tmp_path / "elsewhere/match é_playable.mp4").write_bytes(b"copy")
    assert client.get("videos/7/copy").content == b"copy"
    assert client.get("videos/9/copy").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/video_7.html", "/videos/7", "/verdicts/7", "/wrong/video_7.html"),
        *(f"/{SECRET}x/video_7.html", f"/x/{SECRET}/video_7.html"),
    ],
)
def test_requests_without_the_secret_find_nothing(client, path):
    assert client.get(f"http://127.0.0.1:8765{path}").status_code == 404
    assert client.put(f"http://127.0.0.1:8765{path}", content=TABLE).status_code == 404


@pytest.mark.parametrize(
    "name",
    [
        *("../run.json", "..%2frun.json", "%2e%2e/run.json", "video_7.html/../../run.json"),
        *("video_8.html", "video_-7.html", "run.json", "videos/..%2f..%2frun.json"),
        *("videos//etc/passwd", "verdicts/../run.json", "verdicts/.lock", "charts/counts.svg"),
    ],
)
def test_other_files_of_the_disk_are_not_served(client, name):
    # The raw path keeps the client from normalizing the address.
    address = httpx.URL(f"http://127.0.0.1:8765/{SECRET}/").copy_with(
        raw_path=f"/{SECRET}/{name}".encode()
    )
    assert client.get(address).status_code == 404


def test_symbolic_links_in_results_are_not_followed(client, results, tmp_path):
    (tmp_path / "private").write_text("private")
    (results / "report/video_9.html").symlink_to(tmp_path / "private")
    (results / "verdicts").mkdir()
    (results / "verdicts/verdicts_video_7.csv").symlink_to(tmp_path / "private")
    assert client.get("video_9.html").status_code == 404
    assert client.get("verdicts/7").status_code == 204
    assert put(client).status_code == 200
    assert (tmp_path / "private").read_text() == "private"
    assert (results / "verdicts/verdicts_video_7.csv").read_text() == TABLE


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *(("localhost:9000", 200), ("127.0.0.1", 200), ("[::1]:8765", 200), ("10.1.2.3:80", 200)),
        *(("node1:8765", 200), ("evil.example", 403), ("evil.example:8765", 403), ("", 403)),
    ],
)
def test_requests_must_name_this_machine(client, host, status):
    assert client.get("video_7.html", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", "https://127.0.0.1:8765", "http://127.0.0.1"]
)
def test_only_a_page_of_the_server_can_write(client, results, origin):
    assert put(client, Origin=origin).status_code == 403
    assert not (results / "verdicts/verdicts_video_7.csv").exists()


def test_saved_verdicts_are_served_again(client, results):
    assert client.get("verdicts/7").status_code == 204
    saved = put(client)
    path = results / "verdicts/verdicts_video_7.csv"
    assert saved.json() == {"saved": str(path), "problems": []}
    assert path.read_text() == TABLE
    again = client.get("verdicts/7")
    assert (again.text, again.headers["ETag"]) == (TABLE, saved.headers["ETag"])
    assert again.headers["Last-Modified"].endswith("GMT")
    assert [file.name for file in path.parent.iterdir() if file.name[0] != "."] == [path.name]


def test_verdicts_saved_in_the_meantime_are_not_overwritten(client, results):
    first = put(client).headers["ETag"]
    path = results / "verdicts/verdicts_video_7.csv"
    # Another person has not seen the first verdicts.
    other = TABLE.replace("3.5", "4")
    assert put(client, other).status_code == 412
    seen = {"If_None_Match": None, "If_Match": first}
    second = put(client, other, **seen)
    assert second.status_code == 200
    assert put(client, TABLE, **seen).status_code == 412
    assert path.read_text() == other
    assert put(client, TABLE, If_None_Match=None).status_code == 428
    path.unlink()
    assert put(client, TABLE, If_None_Match=None, If_Match=first).status_code == 412


def test_invalid_verdicts_are_refused_with_the_workflow_s_message(client, results):
    path = results / "verdicts/verdicts_video_7.csv"
    refused = put(client, "a,b\n1,2\n")
    assert refused.status_code == 422
    assert refused.json()["refused"].startswith(f"{path} is not a table of events. It needs the")
    assert put(client, TABLE.replace("Goal", "Gaol")).status_code == 422
    assert put(client, "é".encode("latin-1")).status_code == 422
    assert not path.exists()
    some = put(client, TABLE + "7,9,Gaol,confirmed,9,Foul\n7,10,Foul,undecided,10,Foul\n")
    (problem,) = some.json()["problems"]
    assert problem.startswith(f"{path}, row 2: label is 'Gaol', which is not a class")
    # A review without any confirmed event is valid.
    nothing = TABLE.replace("confirmed", "undecided")
    assert put(client, nothing, If_None_Match="", If_Match=some.headers["ETag"]).is_success


def test_large_tables_and_unknown_videos_are_refused(client, results):
    assert put(client, TABLE + "x" * LARGEST).status_code == 413
    headers = {"Origin": "http://127.0.0.1:8765", "If-None-Match": "*"}
    assert client.put("verdicts/8", content=TABLE, headers=headers).status_code == 404
    assert client.post("verdicts/7", content=TABLE, headers=headers).status_code == 405
    assert not (results / "verdicts/verdicts_video_7.csv").exists()


def test_port_in_use_is_skipped_unless_requested():
    with listen("127.0.0.1", None) as first, listen("127.0.0.1", None) as second:
        ports = [each.getsockname()[1] for each in (first, second)]
        assert ports[0] < ports[1]
        with pytest.raises(InputError, match=f"Port {ports[0]} cannot be opened on 127.0.0.1"):
            listen("127.0.0.1", ports[0])
    with pytest.raises(InputError, match="--port 99999 is not a port"):
        listen("127.0.0.1", 99999)
    with pytest.raises(InputError, match="not an address of this machine"):
        listen("no.such.host.invalid", None)


@pytest.fixture
def command(results, tmp_path):
    (tmp_path / "7.mp4").write_bytes(b"video")
    (tmp_path / "videos.tsv").write_text("video\tpath\n7\t7.mp4\n")
    return [sys.executable, ROOT / "scripts/review.py"]


def test_review_command_prints_its_address_and_ends_on_ctrl_c(command, tmp_path):
    with (
        listen("127.0.0.1", None),
        subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as server,
    ):
        lines = iter(server.stdout.readline, "")
        text = ""
        while "Ctrl-C" not in text:
            text += next(lines)
        assert "is in use, so the server uses" in text
        (address,) = re.findall(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/", text)
        with httpx.Client() as browser:
            assert browser.get(f"{address}videos/7").content == b"video"
            with socket.create_connection(("127.0.0.1", httpx.URL(address).port)):
                started = time.monotonic()
                server.send_signal(2)
                assert server.stdout.read() == "The server has ended.\n"
        assert server.wait() == 0
        assert time.monotonic() - started < 5


def test_review_command_without_pages_names_the_next_command(command, results, tmp_path):
    (results / "report/index.html").unlink()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("There is no results/report/index.html. Run `snakemake` first")
