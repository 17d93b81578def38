"""The cache in files: what is on the disk, who may read it, and what a broken file or folder leads to."""

from __future__ import annotations

import asyncio
import os
import stat
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from support.server import wait_for
from tornadopy.cache.backends import cachefiles
from tornadopy.cache.backends.cachefiles import CacheFolder
from tornadopy.cache.backends.filebased import FileBasedCache
from tornadopy.exceptions import CacheConnectionError
from tornadopy.utils.filelock import FileLock

pytestmark = pytest.mark.skipif(os.name != "posix", reason="permissions, users and links of POSIX")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "cache"


@pytest.fixture
def cache(folder: Path) -> FileBasedCache:
    return FileBasedCache(folder, {})


def entries(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.tpcache"))


def entry(folder: Path) -> Path:
    (only,) = entries(folder)
    return only


def let_expire(cache: FileBasedCache, *keys: object) -> None:
    """Store *keys*, and wait until their time is over."""
    for key in keys:
        cache.set(key, "old", 0.05)
    end = time.time() + 0.05
    wait_for(lambda: time.time() > end, "their end")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestOnTheDisk:
    def test_nothing_is_made_before_it_is_needed(self, cache: FileBasedCache, folder: Path) -> None:
        assert cache.get("key") is None
        assert cache.has_key("key") is False
        cache.clear()
        assert not folder.exists()

    def test_files_and_folder_are_for_their_owner_alone(self, cache: FileBasedCache, folder: Path) -> None:
        before = os.umask(0)
        try:
            cache.set("key", "value")
            cache.add("other", "value")
            cache.touch("key")
        finally:
            os.umask(before)
        assert mode(folder) == 0o700
        assert {mode(path) for path in folder.iterdir()} == {0o600}

    def test_a_folder_that_is_there_keeps_its_permissions(self, cache: FileBasedCache, folder: Path) -> None:
        folder.mkdir(parents=True)
        folder.chmod(0o750)
        cache.set("key", "value")
        assert mode(folder) == 0o750

    def test_names_tell_nothing_of_the_keys_and_end_alike(self, cache: FileBasedCache, folder: Path) -> None:
        for key in ("../../etc/passwd", "secret-word", "x" * 240, "缓存"):
            cache.set(key, key)
            assert cache.get(key) == key
        names = [path.name for path in folder.iterdir()]
        assert all(name.endswith((".tpcache", ".tpcache.lock")) for name in names)
        assert not any("secret" in name for name in names)
        assert {path.parent for path in entries(folder)} == {folder}

    def test_the_time_of_a_file_is_that_of_its_end(self, cache: FileBasedCache, folder: Path) -> None:
        """So that culling need not open any."""
        before = time.time()
        cache.set("key", 1, 1000)
        assert before + 999 < entry(folder).stat().st_mtime < time.time() + 1001
        cache.touch("key", None)
        assert entry(folder).stat().st_mtime > before + 10**9

    def test_no_temporary_file_is_left_behind(self, cache: FileBasedCache, folder: Path) -> None:
        cache.set("key", 1)
        cache.set("key", 2)
        cache.touch("key")
        cache.incr("key")
        cache.update("key", lambda value: value + 1)
        assert not list(folder.glob("*.tmp"))
        assert len(entries(folder)) == 1

    def test_no_descriptor_is_left_open(self, cache: FileBasedCache) -> None:
        cache.set("key", 1)
        before = len(os.listdir("/proc/self/fd"))
        for number in range(20):
            cache.set(number, number)
            cache.get(number)
            cache.get("missing")
            cache.incr(number)
            cache.delete(number)
        assert len(os.listdir("/proc/self/fd")) == before

    def test_an_expired_file_is_removed_when_it_is_asked_for(self, cache: FileBasedCache, folder: Path) -> None:
        let_expire(cache, "key")
        assert len(entries(folder)) == 1
        assert cache.get("key") is None
        assert entries(folder) == []
        let_expire(cache, "key")
        assert cache.has_key("key") is False
        assert entries(folder) == []

    def test_a_folder_that_is_deleted_is_made_again(self, cache: FileBasedCache, folder: Path) -> None:
        cache.set("key", 1)
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        assert cache.get("key") is None
        assert cache.delete("key") is False
        cache.set("key", 2)
        assert cache.get("key") == 2

    def test_other_files_stay(self, cache: FileBasedCache, folder: Path) -> None:
        folder.mkdir(parents=True)
        others = [folder / name for name in ("notes.txt", "x.cache", "tpcache", "0.tpcache.bak", ".hidden")]
        for path in others:
            path.write_text("mine")
        (folder / "sub").mkdir()
        small = FileBasedCache(folder, {"OPTIONS": {"MAX_ENTRIES": 2}})
        for number in range(10):
            small.set(number, number)
        small.clear()
        assert entries(folder) == []
        assert all(path.read_text() == "mine" for path in others)
        assert (folder / "sub").is_dir()


class TestCulling:
    def test_expired_entries_go_first(self, folder: Path) -> None:
        cache = FileBasedCache(folder, {"OPTIONS": {"MAX_ENTRIES": 6}})
        for number in (1, 3, 5):
            cache.set(number, number, 1000)
        let_expire(cache, 0, 2, 4)
        assert len(entries(folder)) == 6
        cache.set("new", 1)
        assert [number for number in range(6) if number in cache] == [1, 3, 5]
        assert len(entries(folder)) == 4

    @pytest.mark.parametrize("seconds", [0, -1])
    def test_nothing_has_to_go_for_what_is_not_kept(self, folder: Path, seconds: int) -> None:
        cache = FileBasedCache(folder, {"OPTIONS": {"MAX_ENTRIES": 3}})
        for number in range(3):
            cache.set(number, number)
        cache.set("more", 1, seconds)
        assert cache.add("more", 1, seconds)
        cache.set(1, 1, seconds)
        assert cache.touch(2, seconds)
        assert [key for key in (0, 1, 2, "more") if key in cache] == [0]
        assert len(entries(folder)) == 1

    def test_then_those_that_expire_next(self, folder: Path) -> None:
        cache = FileBasedCache(folder, {"OPTIONS": {"MAX_ENTRIES": 6}})
        for number in range(6):
            cache.set(number, number, 1000 - number)
        cache.set("forever", 1, None)
        assert [number for number in range(6) if number in cache] == [0, 1, 2, 3]
        assert "forever" in cache

    def test_the_bound_holds_without_listing_the_folder_each_time(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cache, listings = FileBasedCache(folder, {"OPTIONS": {"MAX_ENTRIES": 400}}), list[int]()
        listed = CacheFolder._entries

        def listing(self: CacheFolder) -> Any:
            found = listed(self)
            listings.append(len(found))
            return found

        monkeypatch.setattr(CacheFolder, "_entries", listing)
        for number in range(1000):
            cache.set(number, number)
        assert len(entries(folder)) <= 400
        assert max(listings) == 400
        assert len(listings) < 250

    def test_what_a_killed_writer_has_left_is_removed_once_it_is_old(
        self, cache: FileBasedCache, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cache.set("key", 1)
        left = folder / f"{'0' * 40}.{'a' * 16}.tpcache.tmp"
        left.write_bytes(b"half")
        cache.clear()
        assert left.exists()
        monkeypatch.setattr(cachefiles, "STALE", -1.0)
        cache.clear()
        assert not left.exists()


class TestBrokenFiles:
    """A file that is not whole, not for this key or not of this user is no entry."""

    def test_each_shortened_file_is_missing(self, cache: FileBasedCache, folder: Path) -> None:
        cache.set("key", "a value of some length")
        path = entry(folder)
        whole = path.read_bytes()
        for length in range(len(whole)):
            path.write_bytes(whole[:length])
            assert cache.get("key", "missing") == "missing"
        path.write_bytes(whole)
        assert cache.get("key") == "a value of some length"

    def test_each_changed_byte_is_noticed(self, cache: FileBasedCache, folder: Path) -> None:
        cache.set("key", "value")
        path = entry(folder)
        whole = path.read_bytes()
        for position in range(len(whole)):
            changed = bytearray(whole)
            changed[position] ^= 0x55
            path.write_bytes(changed)
            assert cache.get("key", "missing") == "missing"

    def test_the_file_of_another_key_is_not_taken_for_this_one(self, cache: FileBasedCache, folder: Path) -> None:
        cache.set("first", "secret")
        source = entry(folder)
        cache.set("second", "public")
        (target,) = [path for path in entries(folder) if path != source]
        target.write_bytes(source.read_bytes())
        assert cache.get("second", "missing") == "missing"

    def test_a_broken_file_is_replaced(self, cache: FileBasedCache, folder: Path) -> None:
        cache.set("key", 1)
        entry(folder).write_bytes(b"")
        assert cache.add("key", 2) is True
        assert cache.get("key") == 2
        entry(folder).write_bytes(b"rubbish")
        assert cache.update("key", lambda value: [value]) == [None]
        entry(folder).write_bytes(b"rubbish")
        with pytest.raises(ValueError, match="no key"):
            cache.incr("key")
        assert cache.touch("key") is False
        assert cache.delete("key") is False
        assert entries(folder) == []

    def test_a_link_is_not_followed(self, cache: FileBasedCache, folder: Path, tmp_path: Path) -> None:
        cache.set("key", 1)
        path = entry(folder)
        elsewhere = tmp_path / "elsewhere"
        path.rename(elsewhere)
        path.symlink_to(elsewhere)
        assert cache.get("key", "missing") == "missing"
        cache.set("key", 2)
        assert cache.get("key") == 2
        assert not path.is_symlink()
        assert elsewhere.exists()

    def test_what_is_no_plain_file_is_missing_and_waited_for_by_nobody(
        self, cache: FileBasedCache, folder: Path
    ) -> None:
        cache.set("key", 1)
        path = entry(folder)
        path.unlink()
        os.mkfifo(path)
        assert cache.get("key", "missing") == "missing"
        cache.set("key", 2)
        assert cache.get("key") == 2

    @pytest.mark.skipif(os.name == "posix" and os.geteuid() != 0, reason="only root can give files away")
    def test_a_file_of_another_user_is_not_read(self, cache: FileBasedCache, folder: Path) -> None:
        """It may hold a pickle that runs whatever that user likes."""
        cache.set("key", 1)
        os.chown(entry(folder), 12345, 12345)
        assert cache.get("key", "missing") == "missing"
        cache.set("key", 2)
        assert entry(folder).stat().st_uid == os.geteuid()
        assert cache.get("key") == 2

    def test_a_file_that_this_user_did_not_write_is_not_read(
        self, cache: FileBasedCache, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cache.set("key", 1)
        monkeypatch.setattr(os, "geteuid", lambda: 54321)
        assert cache.get("key", "missing") == "missing"


class TestFailing:
    """What the file system refuses is the error of a cache that cannot be reached."""

    @pytest.fixture
    def blocked(self, tmp_path: Path) -> FileBasedCache:
        """A cache whose folder cannot be made, for there is a file in its place."""
        (tmp_path / "file").write_text("in the way")
        return FileBasedCache(tmp_path / "file", {})

    def test_a_folder_that_cannot_be_made_is_named(self, blocked: FileBasedCache, tmp_path: Path) -> None:
        with pytest.raises(CacheConnectionError, match="may this user write there, and is there space") as caught:
            blocked.set("key", 1)
        assert str(tmp_path / "file") in str(caught.value)
        assert isinstance(caught.value.__cause__, OSError)
        for call in (blocked.delete, blocked.incr, blocked.touch):
            with pytest.raises(CacheConnectionError):
                call("key")
        with pytest.raises(CacheConnectionError):
            asyncio.run(blocked.aset("key", 1))

    def test_a_full_disk_leaves_nothing_half_written(
        self, cache: FileBasedCache, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cache.set("key", "old")

        def refuse(*paths: str) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(os, "replace", refuse)
            with pytest.raises(CacheConnectionError, match="No space left on device"):
                cache.set("key", "new")
        assert cache.get("key") == "old"
        assert not list(folder.glob("*.tmp"))

    def test_errors_of_the_function_and_of_values_are_not_blamed_on_the_folder(self, cache: FileBasedCache) -> None:
        def fail(value: object) -> None:
            raise PermissionError("the function's own")

        with pytest.raises(PermissionError, match="the function's own"):
            cache.update("key", fail)

    def test_a_lock_that_another_keeps_is_an_error_in_time(
        self, cache: FileBasedCache, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cache.set("key", 1)
        monkeypatch.setattr(cachefiles, "PATIENCE", 0.05)
        (lock_file,) = folder.glob("*.lock")
        other = FileLock(str(lock_file))
        assert other.acquire()
        with pytest.raises(CacheConnectionError, match="another process has kept its lock"):
            cache.set("key", 2)
        assert cache.get("key") == 1, "readers need no lock"
        other.release()
        other.close()
        cache.set("key", 3)
        assert cache.get("key") == 3


class TestAsynchronously:
    def test_the_event_loop_goes_on_while_a_lock_is_waited_for(self, cache: FileBasedCache, folder: Path) -> None:
        cache.set("key", 1)
        (lock_file,) = folder.glob("*.lock")
        other = FileLock(str(lock_file))
        assert other.acquire()

        async def main() -> None:
            waiting = asyncio.create_task(cache.aset("key", 2))
            for _ in range(20):
                await asyncio.sleep(0.001)
            assert not waiting.done()
            other.release()
            await waiting
            assert await cache.aget("key") == 2

        asyncio.run(main())
        other.close()

    def test_closing_starts_no_thread(self, cache: FileBasedCache) -> None:
        before = threading.active_count()
        asyncio.run(cache.aclose())
        assert threading.active_count() == before

    def test_a_reader_never_deletes_what_has_just_been_renewed(
        self, cache: FileBasedCache, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between seeing that an entry has expired and deleting it, another process may have renewed it."""
        let_expire(cache, "key")
        read, renewed = CacheFolder.read, list[int]()

        def read_then_renew(self: CacheFolder, name: str, key: str) -> Any:
            found = read(self, name, key)
            if not renewed:
                renewed.append(1)
                FileBasedCache(self.path, {}).set("key", "new")
            return found

        monkeypatch.setattr(CacheFolder, "read", read_then_renew)
        assert cache.get("key") is None
        assert cache.get("key") == "new"


def test_waiting_threads_get_their_turn(cache: FileBasedCache) -> None:
    """Threads of one process wait for each other without asking the file system again and again."""
    entered, leave, done = threading.Event(), threading.Event(), list[int]()

    def hold(value: object) -> int:
        entered.set()
        assert leave.wait(5)
        return 1

    holder = threading.Thread(target=cache.update, args=("key", hold))
    holder.start()
    assert entered.wait(5)
    waiter = threading.Thread(target=lambda: done.append(cache.update("key", lambda value: value + 1)))
    waiter.start()
    leave.set()
    wait_for(lambda: done == [2], "the second update")
    holder.join()
    waiter.join()
