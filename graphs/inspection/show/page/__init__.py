"""The page: one file that opens from disk and shows a compilation step by step.

In order: `layout` finds a place for every node's whole life, `drawn` is all else that is computed of a recording for
the page, `still` draws a graph without JavaScript, `document` puts data, pictures and the page's own JavaScript into
one file. That JavaScript is in ``modules/``, each file an ES module; other people's, as published, in ``vendored/``.
"""

__all__: list[str] = []
