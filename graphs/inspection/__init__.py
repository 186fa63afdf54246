"""What the compiler did: every rewrite, what it did to the values, the cost and the code.

``inspect(f)`` compiles a copy of a function, records every rewrite and gives an `Inspection` to ask more:

    inspect(f).evaluate(x, y).measure().leave_out().diagnose()

In order: written → watched → tables (`compiling`), then what is found out (`values`, `linkers`, `ablation`,
`doctor`, `costs`), then shown (`show`). The data is `recording` and `findings`; `file` keeps it.
Nothing heavy is imported until a name is used. Use one before compiling what is to be inspected, so
that its graph can be noted as it was written.
"""

from typing import Any

import lazy_loader

from graphs.inspection.views import print_with

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


@print_with
def _report(recording: Any) -> Any:
    from graphs.inspection.show.report import overview

    return overview(recording)
