"""The public transformations: from Python callables to Python callables, and what happens at each call."""

# enters SciPy's functions into the frontend's table
from gradscribe.transpiler.api import direct_solvers as direct_solvers
from gradscribe.transpiler.api import integrators as integrators
from gradscribe.transpiler.api import solvers as solvers
from gradscribe.transpiler.api import sparse_systems as sparse_systems
