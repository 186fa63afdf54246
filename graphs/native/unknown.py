"""What has no lowering; apart from the lowerings, so that a warm start need not import those."""

__all__ = ["OpUnknown", "ScalarOpUnknown"]


class OpUnknown(Exception):
    """An Op that has no lowering; the argument says which and, where it helps, why."""


class ScalarOpUnknown(Exception):
    """A scalar Op, or a dtype, that has no lowering."""
