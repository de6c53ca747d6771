"""The package as it is on disk, as it is declared, and as it is built."""

import importlib
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "gradscribe"
ROOMS = ("transpiler", "runtime", "kernels")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DECLARED = PYPROJECT["tool"]["setuptools"]["packages"]


def files_on_disk():
    """Every file that belongs to the package, relative to src/, through the links."""
    for folder, folders, files in os.walk(SOURCE, followlinks=True):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(files):
            yield (Path(folder) / name).relative_to(SOURCE.parent)


def test_package_list_equals_what_is_on_disk():
    on_disk = sorted({".".join(path.parent.parts) for path in files_on_disk() if path.suffix == ".py"})
    assert sorted(DECLARED) == on_disk
    assert len(DECLARED) == len(set(DECLARED))


def test_every_package_has_an_init():
    missing = [name for name in DECLARED if not (SOURCE.parent.joinpath(*name.split(".")) / "__init__.py").is_file()]
    assert missing == []


def test_every_data_file_is_declared():
    declared = PYPROJECT["tool"]["setuptools"]["package-data"]
    undeclared = [
        str(path)
        for path in files_on_disk()
        if path.suffix != ".py" and not any(path.match(glob) for glob in declared.get(".".join(path.parent.parts), ()))
    ]
    assert undeclared == []


@pytest.mark.parametrize("room", ROOMS)
def test_links_are_relative_and_in_place(room):
    link = SOURCE / room
    assert link.is_symlink()
    assert os.readlink(link) == f"../../{room}"
    assert link.resolve() == ROOT / room


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
@pytest.mark.parametrize("room", ROOMS)
def test_links_are_committed_as_links(room):
    entry = subprocess.run(
        ["git", "ls-files", "--stage", f"src/gradscribe/{room}"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert entry.stdout.startswith("120000 ")


def test_console_script_names_the_command_line():
    assert PYPROJECT["project"]["scripts"] == {"gradscribe": "gradscribe.transpiler.cli:main"}


def test_versions_agree():
    import gradscribe

    assert gradscribe.__version__ == PYPROJECT["project"]["version"]


def test_every_public_name_resolves():
    import gradscribe

    assert len(gradscribe.__all__) == len(set(gradscribe.__all__))
    assert [name for name in gradscribe.__all__ if not hasattr(gradscribe, name)] == []
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        _ = gradscribe.no_such_name


def test_importing_the_face_is_light_and_loads_no_second_copy():
    code = (
        "import sys, gradscribe;"
        f"print([n for n in sys.modules if n.split('.')[0] in {(*ROOMS, 'numba', 'llvmlite', 'scipy', 'gast')!r}])"
    )
    # From the repository root, where `import transpiler` would find the real folder.
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(SOURCE.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "[]"


def test_this_test_run_loaded_no_second_copy():
    for path in files_on_disk():
        if path.name == "errors.py":
            importlib.import_module(".".join(path.with_suffix("").parts))
    assert [name for name in sys.modules if name.split(".")[0] in ROOMS] == []


@pytest.mark.parametrize("line", ["import transpiler", "from kernels.scan import scan", "import runtime.tape"])
def test_the_bare_names_are_banned(line):
    ruff = shutil.which("ruff", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if ruff is None:
        pytest.skip("ruff is not installed")
    result = subprocess.run(
        [ruff, "check", "--no-cache", "--stdin-filename", str(ROOT / "tests" / "probe.py"), "-"],
        input=line + "\n",
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1 and "TID251" in result.stdout


def copy_of_the_project(target):
    """What a build needs, links kept as links."""
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("src", *ROOMS):
        shutil.copytree(ROOT / name, target / name, symlinks=True, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, target / name)
    return target


def build_wheel(project, target):
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(target), str(project)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.slow
def test_the_wheel_holds_every_file_and_works_alone(tmp_path):
    project = copy_of_the_project(tmp_path / "project")
    built = build_wheel(project, tmp_path / "wheels")
    assert built.returncode == 0, built.stderr
    (wheel,) = (tmp_path / "wheels").glob("gradscribe-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        archive.extractall(tmp_path / "site")
    assert names == {path.as_posix() for path in files_on_disk()}
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); import gradscribe; print(gradscribe.__file__)"
    command = [sys.executable, "-I", "-c", code]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert Path(result.stdout.strip()).is_relative_to(tmp_path / "site")


@pytest.mark.slow
def test_a_checkout_without_links_does_not_build(tmp_path):
    project = copy_of_the_project(tmp_path / "project")
    for room in ROOMS:  # what git writes where symbolic links are switched off
        link = project / "src" / "gradscribe" / room
        link.unlink()
        link.write_text(f"../../{room}")
    built = build_wheel(project, tmp_path / "wheels")
    assert built.returncode != 0 and "is not a directory" in built.stdout + built.stderr
