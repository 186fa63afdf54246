"""Functions by name, listed without importing them."""

from __future__ import annotations

import inspect

import pytest

from graphs.examples import EXAMPLES
from graphs.lessons import LESSONS


@pytest.mark.parametrize("catalogue", [EXAMPLES, LESSONS], ids=lambda catalogue: catalogue.package)
def test_the_first_line_is_that_of_the_function(catalogue):
    for name, line in catalogue.summaries().items():
        function = catalogue.function(name)
        assert line == inspect.getdoc(function).partition("\n")[0]
        assert line.endswith((".", "?"))
        assert function.__module__ == f"{catalogue.package}.{catalogue[name].partition('.')[0]}"


def test_nothing_is_imported_to_list_them(run_python):
    code = """
import sys
from graphs.examples import EXAMPLES
assert len(EXAMPLES.summaries()) == len(EXAMPLES)
assert not {"numpy", "pytensor"} & sys.modules.keys()
"""
    run_python("-c", code)
