"""Emptiness of integer sets: against enumeration, against isl on random systems, and on every question programs ask."""

import itertools
import random

import pytest
from nest_programs import PROGRAMS
from random_nests import RandomNest

from gradscribe.transpiler.ir.nodes import region_vars
from gradscribe.transpiler.passes.affine.integer_sets import Affine, IntegerSet
from gradscribe.transpiler.passes.affine.rereads import RereadOracle

BOX = range(-4, 5)


def random_system(seed, unknowns=3):
    """A random conjunction, and the box -4 <= every unknown <= 4 around it so that it can be enumerated."""
    rng = random.Random(seed)
    names = [f"v{k}" for k in range(unknowns)]

    def form():
        chosen = rng.sample(names, rng.randint(1, unknowns))
        return Affine({name: rng.choice([-3, -2, -1, 1, 2, 3]) for name in chosen}, rng.randint(-7, 7))

    equalities = tuple(form() for _ in range(rng.randint(0, 2)))
    inequalities = tuple(form() for _ in range(rng.randint(0, 5)))
    box = [bound for name in names for bound in (Affine({name: 1}, 4), Affine({name: -1}, 4))]
    return names, IntegerSet(equalities, (*inequalities, *box))


def value(form, point):
    return sum(c * point[name] for name, c in form.terms.items()) + form.constant


def has_point(names, system):
    for numbers in itertools.product(BOX, repeat=len(names)):
        point = dict(zip(names, numbers))
        equal = all(value(e, point) == 0 for e in system.equalities)
        if equal and all(value(i, point) >= 0 for i in system.inequalities):
            return True
    return False


def test_empty_means_empty():
    empty, missed = 0, 0
    for seed in range(400):
        names, system = random_system(seed)
        really = not has_point(names, system)
        claimed = system.is_empty()
        assert really or not claimed, (seed, system)
        empty += really
        missed += really and not claimed
    assert empty > 100
    assert missed <= empty * 0.05  # what only the exact Omega test (dark shadows, splinters) would find


def unknown(name):
    return Affine.unknown(name)


def test_gcd_and_euclid():
    i, j, k = unknown("i"), unknown("j"), unknown("k")
    assert IntegerSet((i * 2 + j * 4 - 1,)).is_empty()
    assert not IntegerSet((i * 3 + j * 5 - 1,)).is_empty()
    # 6i + 10j + 15k = 1 has solutions; with i + j + k == 0 as well it becomes 4j + 9k = 1: solutions again
    assert not IntegerSet((i * 6 + j * 10 + k * 15 - 1, i + j + k)).is_empty()
    # 3i = 5j and 1 <= i <= 4: i would be a multiple of 5
    assert IntegerSet((i * 3 - j * 5,), (i - 1, -i + 4)).is_empty()
    assert not IntegerSet((i * 3 - j * 5,), (i - 1, -i + 5)).is_empty()


def test_rounding_down():
    i = unknown("i")
    assert IntegerSet((), (i * 3 - 1, -i * 3 + 2)).is_empty()  # 1/3 <= i <= 2/3
    assert not IntegerSet((), (i * 3 - 1, -i * 3 + 3)).is_empty()


def test_no_constraints_and_contradictions():
    assert not IntegerSet().is_empty()
    assert IntegerSet((Affine(constant=1),)).is_empty()
    assert IntegerSet((), (Affine(constant=-1),)).is_empty()
    assert not IntegerSet((), (Affine(constant=0),)).is_empty()


def test_budget_gives_up_on_the_safe_side():
    rng = random.Random(0)
    names = [f"v{k}" for k in range(8)]
    rows = tuple(Affine({n: rng.randint(-9, 9) for n in names}, rng.randint(-9, 0)) for _ in range(40))
    assert not IntegerSet((), rows).is_empty(budget=50)


# ---- isl as the oracle ----


def isl_is_empty(isl, system):
    names = {}
    for form in (*system.equalities, *system.inequalities):
        for name in form.terms:
            names.setdefault(name, f"i{len(names)}")
    write = lambda form: " + ".join([*(f"{c}*{names[n]}" for n, c in form.terms.items()), str(form.constant)])
    facts = [f"{write(e)} = 0" for e in system.equalities] + [f"{write(i)} >= 0" for i in system.inequalities]
    return isl.Set(f"{{ [{', '.join(names.values())}] : {' and '.join(facts) or '0 = 0'} }}").is_empty()


def test_random_systems_against_isl():
    isl = pytest.importorskip("islpy")
    empty, missed = 0, 0
    for seed in range(400):
        _, system = random_system(10_000 + seed, unknowns=5)
        really, claimed = isl_is_empty(isl, system), system.is_empty()
        assert really or not claimed, (seed, system)
        empty += really
        missed += really and not claimed
    assert empty > 50
    assert missed <= empty * 0.08


@pytest.fixture
def questions(monkeypatch):
    """Every emptiness question asked, with its answer."""
    asked = []
    answer = IntegerSet.is_empty

    def recording(self, *args):
        result = answer(self, *args)
        asked.append((self, result))
        return result

    monkeypatch.setattr(IntegerSet, "is_empty", recording)
    return asked


def ask_everything(program):
    oracle = RereadOracle(program)
    for var in region_vars(program.region):
        oracle.reread(var)


@pytest.mark.parametrize("name", list(PROGRAMS))
def test_questions_of_named_programs_against_isl(name, questions):
    isl = pytest.importorskip("islpy")
    ask_everything(PROGRAMS[name]())
    assert questions
    for system, claimed in questions:
        assert claimed == isl_is_empty(isl, system), system


def test_questions_of_random_programs_against_isl(questions):
    isl = pytest.importorskip("islpy")
    for seed in range(40):
        ask_everything(RandomNest(seed).function)
    really = [isl_is_empty(isl, system) for system, _ in questions]
    assert len(questions) > 200
    assert all(r or not claimed for r, (_, claimed) in zip(really, questions))
    missed = sum(r and not claimed for r, (_, claimed) in zip(really, questions))
    assert missed <= len(questions) * 0.01
