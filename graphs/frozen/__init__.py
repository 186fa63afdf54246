"""Functions kept as C, called again with NumPy alone.

``graphs.native.freeze(function, folder)`` writes a folder: C files, headers, libraries, a manifest and the values that
the functions share. :func:`load` gives them back in another process, without PyTensor:

    frozen = graphs.frozen.load("trained")
    frozen.train(x, y)
    frozen.train_many(x, y, 1000)
    frozen.predict(x)
    frozen.read()

A folder holds code that is executed: load only folders that you trust. Its checksums say that it is whole, not who wrote
it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
