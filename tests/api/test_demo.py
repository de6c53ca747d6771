"""The samples do what `make demo` says."""

import runpy
import sys
from pathlib import Path

import pytest

SAMPLES = Path(__file__).resolve().parent.parent.parent / "samples"


@pytest.mark.slow
@pytest.mark.native
def test_demo(monkeypatch, capsys):
    pytest.importorskip("sklearn")
    monkeypatch.syspath_prepend(str(SAMPLES))
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(SAMPLES / "demo.py"), run_name="__main__")
    assert ended.value.code == 0
    assert "test accuracy 9" in capsys.readouterr().out
    for name in ("digits", "heat"):
        sys.modules.pop(name, None)
