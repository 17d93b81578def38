"""The benchmark side by side runs, for what this environment has of it; its figures are never asserted."""

from __future__ import annotations

import json
import os
import pty
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCRIPT = BENCHMARKS / "compare.py"
PEERS = ["tornado", "tornadopy", "tornadopy-orjson", "tornadopy-tornado-server"]
TINY = ["--rounds=1", "--seconds=0.05", "--requests=40", "--idle=20", "--starts=1", f"--peers={','.join(PEERS)}"]
COMPARED = {
    *("access-log", "middlewares", "routes-100", "routes-1000", "routes-10000"),
    *("connections-64", "connections-1024", "pipelining"),
}
"""The cases that are compared to another one of the same framework."""
SVG = "{http://www.w3.org/2000/svg}"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmark reads Linux's /proc")


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the benchmark, whose servers have their files in *folder*."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "TMPDIR": str(folder)},
    )


def servers(folder: Path) -> list[str]:
    """Return the command lines of the server processes that have their files in *folder*."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            environment = (entry / "environ").read_bytes()
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:  # no process, somebody else's, or it has ended
            continue
        if f"BENCH_FOLDER={folder}".encode() in environment:
            found.append(command)
    return found


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """All cases, with tiny numbers; the folder has the page, the picture and the JSON."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "benchmarks.md").write_text(
        "# Title\n\n<!-- figures: begin -->\nold\n<!-- figures: end -->\n\nThe end.\n", "utf-8"
    )
    return run(*TINY, f"--docs={folder}", f"--json={folder / 'figures.json'}", folder=folder), folder


def test_it_measures_every_case(complete: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """Every case has a row for each server that can do it, and its reason for one that cannot."""
    completed, folder = complete
    assert completed.returncode == 0, completed.stderr
    assert completed.stderr == ""
    report = json.loads((folder / "figures.json").read_text("utf-8"))
    assert len(report["cases"]) == 21
    for name, rows in report["cases"].items():
        expected = {"tornado", "tornadopy-tornado-server"} - ({"tornado"} if name == "middlewares" else set())
        assert expected <= rows.keys() <= set(PEERS), name
        for figures in rows.values():
            assert figures["peak_mib"] > 0
            if name.startswith("idle-"):
                assert isinstance(figures["idle_kib"], float)
            elif name == "start-up":
                assert figures["median"]["start_ms"] > 0
            else:
                assert figures["median"]["cpu_us"] > 0
                assert figures["median"]["p50_ms"] <= figures["median"]["p99_ms"]
                assert len(figures["base_cpu_us"]) == (1 if name in COMPARED else 0), name
    assert "| Tornado | (Tornado has no middlewares) |" in completed.stdout
    assert servers(folder) == []


def test_it_writes_the_page(complete: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """What is outside the markers stays; what is between them is what was printed."""
    completed, folder = complete
    page = (folder / "benchmarks.md").read_text("utf-8")
    assert page.startswith("# Title\n\n<!-- figures: begin -->\n\n![")
    assert "](images/benchmarks.svg)\n\n" in page
    assert page.endswith("\n<!-- figures: end -->\n\nThe end.\n")
    assert "\nold\n" not in page
    assert completed.stdout in page
    for line in completed.stdout.splitlines():
        if line.startswith("|"):
            assert line.endswith("|")


def test_it_draws_an_accessible_picture(complete: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """The picture has a title and a description with the figures, and colours for dark pages."""
    _, folder = complete
    root = ET.parse(folder / "images" / "benchmarks.svg").getroot()
    assert root.get("role") == "img"
    names = {each.get("id"): each.text or "" for each in root if each.get("id")}
    assert list(names) == str(root.get("aria-labelledby")).split() == ["title", "description"]
    assert "tornadopy on Tornado's server" in names["description"]
    assert "prefers-color-scheme: dark" in str(root.findtext(f"{SVG}style"))
    bars = [each for each in root.iter(f"{SVG}rect") if "bar" in str(each.get("class"))]
    assert len(bars) >= 12
    assert all(float(str(each.get("width"))) > 0 for each in bars)
    labels = [each for each in root.iter(f"{SVG}text") if "name" in str(each.get("class"))]
    assert len(labels) == len(bars)
    assert all(float(str(each.get("x"))) > 7.2 * len(str(each.text)) for each in labels), "cut off at the left"


def test_it_measures_only_what_is_asked_for(tmp_path: Path) -> None:
    """Without all cases and all servers, nothing is written but the JSON."""
    file = tmp_path / "figures.json"
    page = SCRIPT.parents[1] / "docs" / "benchmarks.md"
    before = page.read_bytes()
    completed = run(*TINY, "--quick", "--case=query", f"--json={file}", folder=tmp_path)
    assert completed.returncode == 0, completed.stderr
    assert list(json.loads(file.read_text("utf-8"))["cases"]) == ["query"]
    assert "A quick run" in completed.stdout
    assert page.read_bytes() == before


def test_rounds_are_shared_out_among_processes(tmp_path: Path) -> None:
    """Each process has its share of them, and one more that is not counted; a base need not be asked for."""
    file = tmp_path / "figures.json"
    arguments = ("--rounds=3", "--processes=2", "--requests=40", "--peers=tornadopy", f"--json={file}")
    completed = run("--case=middlewares", *arguments, folder=tmp_path)
    assert completed.returncode == 0, completed.stderr
    report = json.loads(file.read_text("utf-8"))
    assert list(report["cases"]) == ["middlewares"]
    figures = report["cases"]["middlewares"]["tornadopy"]
    assert len(figures["cpu_us"]) == len(figures["base_cpu_us"]) == 3
    assert "3 rounds in 2 processes" in completed.stdout
    ratio = statistics.median(a / b for a, b in zip(figures["cpu_us"], figures["base_cpu_us"], strict=True))
    assert f" {ratio:.2f} " in completed.stdout
    started = [each for each in tmp_path.glob("*") if each.name.startswith("bench-")]
    assert not started, "folders of servers are left"


def test_it_only_checks_if_asked_to(tmp_path: Path) -> None:
    completed = run("--check", "--case=text,post", "--peers=tornado", folder=tmp_path)
    assert (completed.returncode, completed.stdout) == (0, "Tornado: 2 cases answered rightly.\n"), completed.stderr


def test_nothing_is_measured_after_a_wrong_answer(tmp_path: Path) -> None:
    """The self-test names server, case, and what came; the run ends there."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import compare; from peers import site; "
        "from harness import cases; object.__setattr__(cases.CASES[1], 'answers', (cases.Numbered(b'Goodbye'),)); "
        "sys.exit(compare.main(['--case=text', '--peers=tornado', '--rounds=1']))"
    )
    completed = subprocess.run(
        [sys.executable, "-c", program, str(BENCHMARKS)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )
    assert completed.returncode == 1
    assert completed.stdout == ""
    assert "nothing is measured" in completed.stderr
    assert "Tornado, site whole: text: b'Goodbye'" in completed.stderr
    assert "Hello, World!" in completed.stderr


def test_it_shows_its_progress_on_a_terminal(tmp_path: Path) -> None:
    """And nowhere else: the other runs write nothing on standard error."""
    reading, writing = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), *TINY, "--case=text", "--peers=tornado"],
        stdout=subprocess.DEVNULL,
        stderr=writing,
        env={**os.environ, "TMPDIR": str(tmp_path), "COLUMNS": "60"},
    )
    os.close(writing)
    shown = b""
    while new := read_terminal(reading):
        shown += new
    os.close(reading)
    assert process.wait(60) == 0, shown
    lines = shown.decode().split("\r\033[K")
    assert "self-test: Tornado, site whole" in lines
    assert "Plain text: round 1 of 1, Tornado" in lines
    assert max(map(len, lines)) < 60


def read_terminal(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # nobody has its other end open any more
        return b""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_its_servers_end_with_it(number: signal.Signals, tmp_path: Path) -> None:
    """Whoever stops it finds neither processes nor files of it afterwards."""
    with subprocess.Popen(
        [sys.executable, str(SCRIPT), "--case=text", "--peers=tornado", "--rounds=10000", "--seconds=0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # noqa: PLW1509 - no threads; it may be ignored here
    ) as process:
        try:
            deadline = time.monotonic() + 60
            while not servers(tmp_path) and time.monotonic() < deadline:
                time.sleep(0.01)
            assert servers(tmp_path)
            process.send_signal(number)
            _, written = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 128 + number
    assert b"Traceback" not in written
    assert servers(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--case=jason", "--case: there is no jason"),
        ("--peers=tornadoes", "--peers: there is no tornadoes"),
        ("--rounds=0", "--rounds must be more than 0"),
        ("--processes=0", "--processes must be more than 0"),
        ("--seconds=-1", "--seconds must be more than 0"),
        ("--docs=nowhere", "--docs: there is no nowhere/benchmarks.md"),
    ],
)
def test_it_refuses_what_it_does_not_know(option: str, message: str, tmp_path: Path) -> None:
    completed = run(option, folder=tmp_path)
    assert completed.returncode == 2
    assert message in completed.stderr
