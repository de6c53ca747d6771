"""Shared by all tests: goldens, hypothesis settings, and the rule that GPU tests need a GPU."""

import difflib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

GOLDEN = Path(__file__).parent / "golden"

# Equal input, equal outcome: a failure found once is found by everybody.
settings.register_profile("gradscribe", derandomize=True, deadline=None, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gradscribe"))

VISITED = pytest.StashKey[set[str]]()


class Golden:
    """Compares text with the files of tests/golden, byte for byte. A missing file fails; `--update-golden` writes."""

    def __init__(self, folder: Path, update: bool, visited: set[str]) -> None:
        self.folder, self.update, self.visited = folder, update, visited

    def check(self, name: str, text: str) -> None:
        """Compare `text` with the file `name` (`.py` for emitted sources, `.txt` for anything else)."""
        assert name.endswith((".py", ".txt")), f"a golden is a .py or a .txt file, not {name}"
        path = self.folder / name
        self.visited.add(name)
        if self.update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
            return
        if not path.exists():
            pytest.fail(f"no golden {name}: look at the text, then run with --update-golden\n{text}")
        expected = path.read_bytes().decode()
        if text != expected:
            lines = difflib.unified_diff(expected.splitlines(True), text.splitlines(True), name, "now")
            pytest.fail(f"{name} differs (--update-golden accepts it)\n{''.join(lines)}")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the goldens instead of comparing")
    parser.addoption(
        "--no-stale-golden", action="store_true", help="fail if a file of tests/golden belongs to no test that ran"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[VISITED] = set()


@pytest.fixture(autouse=True, scope="session")
def native_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Machine code is kept in a folder of the run, which the processes of one run share."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "native_cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADSCRIBE_CACHE_DIR", str(folder))
        yield


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(GOLDEN, request.config.getoption("--update-golden"), request.config.stash[VISITED])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "golden" in getattr(item, "fixturenames", ()):
            item.add_marker("golden")
        if item.get_closest_marker("gpu") and not _has_gpu():
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


def _has_gpu() -> bool:
    from numba import cuda  # only when GPU tests are collected: it is slow to import

    return bool(cuda.is_available())


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if not session.config.getoption("--no-stale-golden") or exitstatus not in (0, 5):
        return
    on_disk = {path.relative_to(GOLDEN).as_posix() for path in GOLDEN.rglob("*") if path.suffix in (".py", ".txt")}
    stale = sorted(on_disk - session.config.stash[VISITED])
    if stale:
        session.config.get_terminal_writer().line(f"\ngoldens of no test: {', '.join(stale)}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
