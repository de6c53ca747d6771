"""The benchmark house at work on small sizes: every measure made, gradients agreed, page and chart written."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_quick_run_writes_the_page(tmp_path: Path) -> None:
    for peer in ("jax", "autograd", "torch"):
        pytest.importorskip(peer)
    command = [sys.executable, "-m", "benchmarks", "--quick", "--into", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "benchmarks.json").read_text(encoding="utf-8"))
    rows = results["timing"]["One thread"]["rows"]
    timed = {(row["workload"], row["contender"]) for row in rows if not row["remark"]}
    for name in ("rosenbrock_S", "trisolv_S", "atax_S"):
        for contender in ("gradscribe", "jax", "torch", "by hand", "gradscribe, value alone"):
            assert (name, contender) in timed
    # the page says what was measured: outputs of atax are its gradients, 50 by 60 and 60 numbers
    memory = {row["workload"]: row for row in results["memory"]}
    assert memory["atax_S"]["bytes"] >= 8 * (50 * 60 + 60)
    assert memory["atax_S"]["jax_bytes"] >= 8 * (50 * 60 + 60)
    assert {row["workload"] for row in results["first"]} == set(memory)
    page = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert page.count("| trisolv, 100 |") == 3
    ElementTree.parse(tmp_path / "benchmarks.svg")
