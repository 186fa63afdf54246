"""The classic as one run: settings → functions, training and optimum → result → files, report and pictures.

In reading order: ``settings``, ``provenance``, ``reproduction`` (the run itself, on one page), ``checkpoints``,
``results`` (the run's folder), ``report`` and ``pictures``.
"""

__all__: list[str] = []
