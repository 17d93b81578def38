"""The example site: the real process, over real sockets, and in a real browser."""

from __future__ import annotations

import http.cookiejar
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from support.processes import find_program, free_port
from support.servers import environment

SITE = Path(__file__).parents[2] / "examples" / "project_web"
PAGES = (
    "/", "/template", "/guestbook", "/account", "/login", "/books", "/books?page=2", "/books/new", "/hello", "/visits",
    "/api/versions",
)  # fmt: skip
OTHER_BROWSERS = ("chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

BROWSER_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Client:
    """A browser without a screen: keeps cookies, follows redirects."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def fetch(self, path: str, form: dict[str, str] | None = None, **headers: str) -> tuple[int, dict[str, str], str]:
        """Return status, headers and body of *path*; send *form* if there is one."""
        body = None if form is None else urllib.parse.urlencode(form).encode()
        names = {name.replace("_", "-"): text for name, text in headers.items()}
        request = urllib.request.Request(self.base + path, body, names)
        try:
            with self._opener.open(request, timeout=20) as response:
                return response.status, dict(response.headers), response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read().decode()


def start(folder: Path, settings: str, **env: str) -> tuple[subprocess.Popen[str], str]:
    """Start the site in *folder* as its README says; return the process and its address when it answers."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "runserver.py", "--address=0.0.0.0", f"--port={port}", f"--settings={settings}"],
        cwd=folder, env=environment(**env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return process, f"http://127.0.0.1:{port}"
    process.kill()
    output, _ = process.communicate()
    raise AssertionError(f"the site does not answer:\n{output}")


def stop(process: subprocess.Popen[str]) -> str:
    """End the site; return what it has written."""
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 0, output
    return output


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the site, so that its logs do not land in the repository."""
    ignored = shutil.ignore_patterns("__pycache__", "*.log*", "*.lock", ".*_cache")
    return shutil.copytree(SITE, tmp_path_factory.mktemp("example") / "project_web", ignore=ignored)


@pytest.fixture(scope="module")
def base(folder: Path) -> Iterator[str]:
    process, address = start(folder, "settings.setting")
    yield address
    stop(process)


@pytest.fixture
def client(base: str) -> Client:
    return Client(base)


class TestPages:
    def test_the_welcome_page(self, client: Client) -> None:
        status, headers, body = client.fetch("/")
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=UTF-8")
        assert "<title>Welcome to tornadopy</title>" in body

    @pytest.mark.parametrize("path", PAGES)
    def test_every_link_leads_somewhere(self, client: Client, path: str) -> None:
        _, _, body = client.fetch(path)
        links = {each.replace("&amp;", "&") for each in re.findall(r'(?:href|src)="([/?][^"]*)"', body)}
        for link in links:
            target = urllib.parse.urljoin(path, link)
            assert client.fetch(target)[0] == (500 if target == "/error" else 200), target

    def test_values_in_templates_are_escaped(self, client: Client) -> None:
        _, _, body = client.fetch("/template?name=" + urllib.parse.quote("<script>alert(1)</script>"))
        assert "Hello, &lt;script&gt;alert(1)&lt;/script&gt;!" in body
        assert "<script" not in body

    def test_arguments_of_the_route(self, client: Client) -> None:
        _, _, body = client.fetch("/template")
        assert re.findall(r"<td><code>(\w+)</code></td><td>(\w+)</td>", body) == [
            ("fruit", "apple"), ("site", "project_web"),
        ]  # fmt: skip

    def test_the_middleware_and_the_common_module_set_their_headers(self, client: Client) -> None:
        _, headers, _ = client.fetch("/")
        assert re.fullmatch(r"app;dur=\d+\.\d\d", headers["Server-Timing"])
        assert headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert "Content-Security-Policy" not in client.fetch("/api/versions")[1]

    def test_the_route_module_counts(self, client: Client) -> None:
        numbers = [int(re.findall(r'id="visit">(\d+)<', client.fetch("/visits")[2])[0]) for _ in range(3)]
        assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]

    def test_static_files(self, client: Client) -> None:
        status, headers, body = client.fetch("/static/css/site.css")
        assert (status, headers["Content-Type"]) == (200, "text/css")
        assert "--accent" in body


class TestForm:
    def token(self, client: Client) -> str:
        return re.findall(r'name="_xsrf" value="([^"]+)"', client.fetch("/guestbook")[2])[0]

    def test_an_entry_is_thanked_for_once(self, client: Client) -> None:
        status, _, body = client.fetch("/guestbook", {"_xsrf": self.token(client), "text": "Fine <site>"})
        assert status == 200
        assert 'class="flash flash-success">Thank you for your entry!' in body
        assert "<li>Fine &lt;site&gt;</li>" in body
        assert "flash-success" not in client.fetch("/guestbook")[2]

    @pytest.mark.parametrize(("text", "answer"), [("  ", "Please write something"), ("x" * 201, "longer than 200")])
    def test_a_wrong_entry_is_refused(self, client: Client, text: str, answer: str) -> None:
        _, _, body = client.fetch("/guestbook", {"_xsrf": self.token(client), "text": text})
        assert f'class="flash flash-error">{answer}' in body.replace("That is ", "")

    def test_another_site_cannot_send_it(self, client: Client) -> None:
        assert client.fetch("/guestbook", {"text": "from elsewhere"})[0] == 403


class TestApi:
    def test_json(self, client: Client) -> None:
        status, headers, body = client.fetch("/api/square/12")
        assert (status, headers["Content-Type"]) == (200, "application/json; charset=UTF-8")
        assert json.loads(body) == {"number": 12, "square": 144}

    def test_jsonp(self, client: Client) -> None:
        _, headers, body = client.fetch("/api/versions?format=jsonp&callback=show")
        assert headers["Content-Type"] == "application/javascript; charset=UTF-8"
        assert re.fullmatch(r"/\*\*/show\(\{.*\}\);", body)

    def test_a_wrong_callback(self, client: Client) -> None:
        assert client.fetch("/api/versions?format=jsonp&callback=alert(1)")[0] == 400


class TestLanguages:
    @pytest.mark.parametrize(
        ("language", "code", "words"),
        [("en", "en-US", "Hello"), ("de-DE,de;q=0.9", "de-DE", "3 Sprachen"), ("zh-CN", "zh-CN", "你好")],
    )
    def test_what_the_browser_asks_for(self, client: Client, language: str, code: str, words: str) -> None:
        _, _, body = client.fetch("/hello", Accept_Language=language)
        assert f'<html lang="{code}">' in body
        assert words in body

    def test_what_the_address_asks_for(self, client: Client) -> None:
        assert "Hallo" in client.fetch("/hello?lang=de_DE", Accept_Language="zh-CN")[2]
        assert "你好" in client.fetch("/hello?lang=xx_XX", Accept_Language="zh-CN")[2]


class TestSession:
    def fetch_form(self, client: Client, path: str, form: dict[str, str]) -> tuple[int, dict[str, str], str]:
        """Send *form* as the page would, which is safe from other sites."""
        _, _, body = client.fetch("/guestbook")
        (xsrf,) = re.findall(r'name="_xsrf" value="([^"]+)"', body)
        return client.fetch(path, {**form, "_xsrf": xsrf})

    def test_from_login_to_logout(self, client: Client) -> None:
        """Whoever is not logged in is asked for a name, and comes to the page after it."""
        _, _, body = client.fetch("/account")
        assert "<title>Log in</title>" in body
        (target,) = re.findall(r'name="next" value="([^"]+)"', body)
        assert target == "/account"
        _, _, body = self.fetch_form(client, "/login", {"name": "<Ann>", "next": target})
        assert '<span id="name">&lt;Ann&gt;</span>' in body
        assert '<span id="visits">1</span>' in body
        assert '<span id="visits">2</span>' in client.fetch("/account")[2]
        _, _, body = self.fetch_form(client, "/logout", {})
        assert "<title>Welcome to tornadopy</title>" in body
        assert "<title>Log in</title>" in client.fetch("/account")[2]

    def test_others_have_sessions_of_their_own(self, base: str) -> None:
        ann, bob = Client(base), Client(base)
        self.fetch_form(ann, "/login", {"name": "Ann"})
        self.fetch_form(bob, "/login", {"name": "Bob"})
        assert '<span id="name">Ann</span>' in ann.fetch("/account")[2]
        assert '<span id="name">Bob</span>' in bob.fetch("/account")[2]

    def test_the_login_leads_nowhere_else(self, client: Client) -> None:
        _, _, body = self.fetch_form(client, "/login", {"name": "Ann", "next": "//elsewhere.example/"})
        assert "<title>Your account</title>" in body

    def test_a_name_is_needed(self, client: Client) -> None:
        assert "<title>Log in</title>" in self.fetch_form(client, "/login", {"name": " "})[2]


class TestBooks:
    """The pages over a table, as a person with a browser uses them."""

    FIELDS: ClassVar = {
        "title": "Dune & <Arrakis>",
        "author": "Frank Herbert",
        "year": "1965",
        "note": "sand\nand spice",
    }

    def send(self, client: Client, path: str, **fields: str) -> tuple[int, str]:
        """Fill in the form at *path* and send it; return status and body of what follows."""
        page = client.fetch(path)[2]
        (token,) = re.findall(r'name="_xsrf" value="([^"]+)"', page)
        status, _, body = client.fetch(path, {**fields, "_xsrf": token})
        return status, body

    def test_the_list_has_pages(self, client: Client) -> None:
        titles = []
        for number in (1, 2, 3):
            body = client.fetch(f"/books?page={number}")[2]
            titles += re.findall(r'<a href="/books/\d+">([^<]+)</a>', body)
            assert f'aria-label="Page {number}" aria-current="page"' in body
        assert len(titles) >= 12
        assert titles == sorted(titles)
        assert client.fetch("/books?page=99")[0] == 404
        assert client.fetch("/books?page=x")[0] == 200

    def test_a_book_is_added_shown_changed_and_deleted(self, client: Client) -> None:
        status, body = self.send(client, "/books/new", **self.FIELDS)
        assert status == 200
        assert "<h1>Dune &amp; &lt;Arrakis&gt;</h1>" in body
        assert "is on the shelf." in body
        assert "<dd>1965</dd>" in body
        assert "sand\nand spice" in body
        (number,) = re.findall(r'href="/books/(\d+)/edit"', body)
        assert 'value="Dune &amp; &lt;Arrakis&gt;"' in client.fetch(f"/books/{number}/edit")[2]
        _, body = self.send(client, f"/books/{number}/edit", **{**self.FIELDS, "title": "Dune", "year": ""})
        assert "<h1>Dune</h1>" in body
        assert "1965" not in body
        _, body = self.send(client, f"/books/{number}/delete")
        assert "is gone." in body
        assert client.fetch(f"/books/{number}")[0] == 404

    def test_what_is_wrong_is_said_beside_the_field(self, client: Client) -> None:
        status, body = self.send(client, "/books/new", title=" ", author="Somebody", year="soon")
        assert status == 422
        assert 'role="alert"' in body
        assert '<a href="#title">Please write the title.</a>' in body
        assert 'aria-describedby="year-error"' in body
        assert 'value="Somebody"' in body

    @pytest.mark.parametrize("path", ["/books/new", "/books/1/edit", "/books/1/delete"])
    def test_a_form_of_another_site_is_refused(self, client: Client, path: str) -> None:
        assert client.fetch(path, self.FIELDS)[0] == 403
        assert client.fetch("/books/1")[0] == 200

    @pytest.mark.parametrize("path", ["/books/99999", "/books/99999/edit", "/books/99999/delete", "/books/x"])
    def test_a_book_that_is_not_there(self, client: Client, path: str) -> None:
        assert client.fetch(path)[0] == 404

    def test_the_pages_work_by_keyboard(self, client: Client) -> None:
        """Everything that acts is a link or a button; every field has its label; nothing needs a script."""
        for path in ("/books", "/books/1", "/books/new", "/books/1/edit", "/books/1/delete"):
            body = client.fetch(path)[2]
            assert not re.search(r"<script|onclick|tabindex=\"-1", body), path
            fields = set(re.findall(r'<(?:input|textarea)[^>]* id="(\w+)"', body))
            assert fields == set(re.findall(r'<label for="(\w+)"', body)), path


class TestErrors:
    def test_debug_shows_what_happened_and_masks_secrets(self, client: Client) -> None:
        status, _, body = client.fetch("/error", Accept="text/html")
        assert status == 500
        assert "KeyError" in body
        assert "pears" in body
        assert "never shown" not in body

    def test_an_unknown_path(self, client: Client) -> None:
        assert client.fetch("/nowhere")[0] == 404

    def test_production_shows_nothing(self, folder: Path) -> None:
        process, address = start(folder, "settings.settings_online", PROJECT_WEB_SECRET="s" * 32)
        try:
            client = Client(address)
            assert client.fetch("/")[0] == 200
            status, _, body = client.fetch("/error", Accept="text/html")
        finally:
            stop(process)
        assert status == 500
        assert "pears" not in body
        assert "KeyError" not in body


def test_each_request_leaves_a_line(client: Client, folder: Path) -> None:
    client.fetch("/template?name=logged")
    deadline = time.monotonic() + 5
    lines: list[str] = []
    while not lines and time.monotonic() < deadline:
        text = (folder / "logs" / "access.log").read_text()
        lines = [line for line in text.splitlines() if "name=logged" in line]
    assert len(lines) == 1
    assert re.search(r'"GET /template\?name=logged HTTP/1\.1" 200 \d+ "-" "Python-urllib/[\d.]+" \d+\.\d+ms$', lines[0])


def test_it_runs_from_outside_its_folder_as_the_manual_of_2016_has_it(folder: Path) -> None:
    command = [sys.executable, "project_web/manage.py", "check"]
    ended = subprocess.run(
        command, cwd=folder.parent, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "No problems.\n"), ended.stderr


def test_its_own_test_passes(folder: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-m", "unittest"],
        cwd=folder, env=environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr


def test_it_is_typed(folder: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "mypy"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout


@pytest.fixture(scope="module")
def browser() -> str:
    return find_program("chromium", "chromium", *OTHER_BROWSERS)


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/", "Welcome to tornadopy"),
        ("/template", "Templates"),
        ("/guestbook", "Guest book"),
        ("/books", "Books"),
        ("/books/new", "Add a book"),
        ("/hello?lang=zh_CN", "你好"),
        ("/error", "KeyError"),
    ],
)
def test_a_browser_renders_it(browser: str, base: str, tmp_path: Path, path: str, title: str) -> None:
    ended = subprocess.run(
        [browser, *BROWSER_OPTIONS, f"--user-data-dir={tmp_path}", "--dump-dom", base + path],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert f"<title>{title}" in ended.stdout
    assert "</html>" in ended.stdout
