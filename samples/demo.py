"""`make demo`: two programs in plain NumPy, their derivatives written, compiled and used."""

import sys
from pathlib import Path

import digits
import heat

import gradscribe as gs

HERE = Path(__file__).resolve().parent


def write(name, text):
    """Put a module beside this file and print what follows its checks of arguments."""
    (HERE / name).write_text(text, encoding="utf-8")
    lines = text.splitlines()
    start = next(k for k, line in enumerate(lines) if ".py:" in line and not line.startswith("#"))
    print(f"\nsamples/{name}, {len(lines)} lines; what it computes:\n")
    print("\n".join(lines[start : start + 32]))
    print(f"    ... {len(lines) - start - 32} more\n" if len(lines) > start + 32 else "")


def main():
    print("1. A two-layer network on handwritten digits: gs.jit(gs.value_and_grad(loss))")
    (images, labels), _ = digits.data()
    _, accuracy, compiling, training = digits.train()
    print(f"  test accuracy {accuracy:.1%}; compiled in {compiling:.1f} s, trained in {training:.1f} s")
    params = digits.start()
    write("digits_gradient.py", gs.source(gs.value_and_grad(digits.loss), params, images, labels))

    print("2. The conductivity of a plate from its temperature: scipy.optimize.minimize(jac=True)")
    result = heat.recover()
    print(
        f"  misfit {result['first']:.3g} -> {result['last']:.3g} in {result['evaluations']} evaluations, "
        f"field found to {result['error']:.1%}; compiled in {result['compile_seconds']:.1f} s, "
        f"minimised in {result['seconds']:.1f} s"
    )
    truth, starts = heat.plate()
    write("heat_gradient.py", gs.source(gs.value_and_grad(heat.misfit), truth, starts, starts.copy(), 40, 0.05))
    return 0 if accuracy >= 0.96 and result["error"] < 0.25 else 1


if __name__ == "__main__":
    sys.exit(main())
