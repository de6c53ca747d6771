"""`make bench`: everything that docs/benchmarks.md says, measured and written there, raw numbers and a chart beside it.

    python -m benchmarks                            # the headline's rows, all measures
    python -m benchmarks --scales S,M,L --rounds 21
    python -m benchmarks --quick --into build/bench  # small sizes, three programs: seconds; for the tests of this house
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MODULES = "peers,hand_contender,torch_contender,gradscribe_contender"
CONTENDERS = "jax;by hand;torch;autograd;gradscribe;gradscribe, value alone"
QUICK = ("rosenbrock_S", "trisolv_S", "atax_S")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, default=HERE.parent / "docs")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--scales", default="", help="S, M, L and both precisions; without it the headline's rows")
    parser.add_argument("--only", default="", help="comma-separated names of workloads")
    parser.add_argument("--contenders", default=CONTENDERS, help="names separated by semicolons")
    parser.add_argument("--without", default="", help="measures to leave out: two,default,first,memory,others")
    parser.add_argument("--quick", action="store_true")
    return parser.parse_args()


def timed(names: list[str], options: list[str]) -> tuple[dict[str, Any], int]:
    """What one run of the harness found, and its exit status: not 0 when somebody disagrees."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rows.json"
        command = [sys.executable, str(HERE / "harness.py"), "--only", ",".join(names), "--json", str(out), *options]
        done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
        return json.loads(out.read_text(encoding="utf-8")), done.returncode


def facts_of(workloads: list[Any]) -> dict[str, dict[str, Any]]:
    targets = ("target", "hand_target", "torch_target")
    return {w.name: {"jax_form": w.jax[1]} | {key: getattr(w, key) for key in targets} for w in workloads}


def measured(measure: Callable[[str, str], Any], workloads: list[Any]) -> list[dict[str, Any]]:
    """A row for each workload that runs; the page says how many are missing."""
    rows = []
    for workload in workloads:
        try:
            rows.append(asdict(measure(workload.name, workload.label)))
        except RuntimeError as error:  # a refused program, or a peer that failed
            print(error, file=sys.stderr)
    return rows


def main() -> int:
    arguments = parse_arguments()
    sys.path[:0] = [str(HERE), str(HERE.parent / "tests"), str(HERE.parent / "src")]
    import first_gradient
    import peak_memory
    import report
    from workloads import HEADLINE, WORKLOADS

    scales = arguments.scales.split(",") if arguments.scales else []
    chosen = [w for w in WORKLOADS if w.scale in scales] if scales else list(HEADLINE)
    wanted = QUICK if arguments.quick else tuple(name for name in arguments.only.split(",") if name)
    if wanted:
        chosen = [w for w in WORKLOADS if w.name in wanted]
    names = [w.name for w in chosen]
    without = arguments.without.split(",") if not arguments.quick else ["two", "default", "others"]
    runs = {"One thread": ["--threads", "1", "--contenders", arguments.contenders]}
    fewer = ["--contenders", "jax;torch;gradscribe"]
    if "two" not in without:
        runs["Two threads"] = ["--threads", "2", *fewer]
    if "default" not in without:
        runs["One thread, the allocator as it comes"] = ["--malloc", "default", *fewer]
    rounds = 3 if arguments.quick else arguments.rounds
    results: dict[str, Any] = {"facts": facts_of(chosen), "timing": {}, "first": [], "memory": []}
    status = 0
    for title, options in runs.items():
        found, code = timed(names, ["--rounds", str(rounds), "--modules", MODULES, *options])
        results["timing"][title] = found
        status = status or code
    if "first" not in without:
        results["first"] = measured(first_gradient.measure, chosen)
    if "memory" not in without:
        results["memory"] = measured(peak_memory.measure, chosen)
    write(arguments.into, results, report)
    if "others" not in without:
        for script in ("batching.py", "second_derivatives.py", "checkpointing.py"):
            status = subprocess.run([sys.executable, str(HERE / script)], check=False).returncode or status
    return status


def write(into: Path, results: dict[str, Any], report: Any) -> None:
    """The page, the chart and the raw numbers. `findings.md` beside this module ends the page."""
    into.mkdir(parents=True, exist_ok=True)
    findings = (HERE / "findings.md").read_text(encoding="utf-8")
    (into / "benchmarks.md").write_text(report.page(results, findings), encoding="utf-8")
    first = next(iter(results["timing"].values()))
    (into / "benchmarks.svg").write_text(report.chart(first["rows"]), encoding="utf-8")
    (into / "benchmarks.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
