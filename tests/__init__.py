"""The tests; what must be settled before NumPy is imported stands here."""

import importlib
import os

if "PYTEST_XDIST_WORKER" in os.environ and "OPENBLAS_NUM_THREADS" not in os.environ:
    # Tests run side by side, one for each core, and threads of BLAS would wait for a core that another
    # test has. They are counted at the import: a command that a test starts finds its user's environment.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    for module in ("numpy", "scipy.linalg"):  # each has a BLAS of its own
        importlib.import_module(module)
    del os.environ["OPENBLAS_NUM_THREADS"]
