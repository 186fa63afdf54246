"""An attack on all of it: bad input, damaged files, failing disks, kills, hostile names, forks and threads.

``scripts/run test -m attack`` runs it and prints how much was tried and how much held; ``GRAPHS_ATTACK=10`` in the
environment tries ten times as much wherever chance decides. It stands outside the default suite and inside ``.ci/run``.
"""
