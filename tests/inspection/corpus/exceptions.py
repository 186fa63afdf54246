"""Where PyTensor cannot run a graph, and why.

The table is strict: the test fails where an entry no longer applies. A graph that ends the process is not tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["UPSTREAM", "Upstream"]

BOTH = "3.0 3.3"  # PyTensor's lines


class Upstream(NamedTuple):
    """A function that PyTensor does not compile, or that raises when it is called, or ends the process."""

    when: str  # ``compiling``, ``calling`` or ``crashing``
    says: str  # a part of the error's type or message
    cause: str


class Where(NamedTuple):
    """Graphs, separated by spaces, in a mode, on lines of PyTensor."""

    mode: str
    lines: str
    graphs: str

    def cells(self) -> Iterator[tuple[str, str, str]]:
        return ((name, self.mode, line) for name in self.graphs.split() for line in self.lines.split())


_UPSTREAM: dict[Upstream, list[Where]] = {
    Upstream("crashing", "terminate", "XLA ends the process on a loop over nothing"): [
        Where("JAX", "3.0", "loop_that_does_not_run"),
    ],
    Upstream(
        "calling",
        "has no attribute 'ufunc'",
        "PyTensor's own Python runs no fused Op of so many operands, and NumPy no ufunc",
    ): [
        Where("FAST_COMPILE", "3.0", "long_chain thousand_nodes"),
    ],
    Upstream("calling", "out of bounds for int8", "NumPy 2 refuses what PyTensor 3.0's Cast hands it"): [
        Where("FAST_COMPILE", "3.0", "whole_number_divisions"),
    ],
    Upstream("calling", "not positive", "the user's own assertion does not hold"): [
        Where("FAST_COMPILE", BOTH, "assertion_that_fails"),
        Where("CVM", BOTH, "assertion_that_fails"),
        Where("NUMBA", BOTH, "assertion_that_fails"),
        Where("NATIVE", BOTH, "assertion_that_fails"),
    ],
    Upstream("calling", "", "the user's own matrices cannot be multiplied"): [
        Where("FAST_COMPILE", BOTH, "shapes_that_do_not_fit"),
        Where("CVM", BOTH, "shapes_that_do_not_fit"),
        Where("NUMBA", BOTH, "shapes_that_do_not_fit"),
        Where("JAX", BOTH, "shapes_that_do_not_fit"),
        Where("NATIVE", BOTH, "shapes_that_do_not_fit"),
    ],
    Upstream("calling", "", "the user's own index is out of range"): [
        Where("FAST_COMPILE", BOTH, "index_out_of_range"),
        Where("CVM", BOTH, "index_out_of_range"),
        Where("NUMBA", BOTH, "index_out_of_range"),
        Where("NATIVE", BOTH, "index_out_of_range"),
    ],
    Upstream(
        "compiling",
        "No JAX conversion for the given `Op`",
        "PyTensor has no JAX implementation of one of its Ops",
    ): [
        Where(
            "JAX",
            "3.0",
            "black_box_likelihood boolean_masks compressed_rows_and_columns fourier_transform "
            "own_op_in_place own_op_with_a_gradient own_op_with_a_view solved_by_an_inner_optimizer "
            "sparse_product wrapped_python_function",
        ),
        Where(
            "JAX",
            "3.3",
            "black_box_likelihood compressed_rows_and_columns fourier_transform own_op_in_place "
            "own_op_with_a_gradient own_op_with_a_view solved_by_an_inner_optimizer sparse_product "
            "wrapped_python_function",
        ),
    ],
    Upstream(
        "calling",
        "Shapes must be 1D sequences of concrete values",
        "JAX traces no array whose length is computed in the graph",
    ): [
        Where(
            "JAX",
            "3.0",
            "autoregression_of_order_two convolution_by_shifted_images fibonacci "
            "forward_algorithm_of_a_hidden_markov_model gradient_of_a_loop_in_a_loop "
            "hessian_of_rosenbrock kalman_filter looked_up_by_searching ordered_logistic "
            "power_of_a_vector products_of_many_shapes recurrent_network truncated_gradient",
        ),
        Where(
            "JAX",
            "3.3",
            "autoregression_of_order_two convolution_by_shifted_images fibonacci "
            "forward_algorithm_of_a_hidden_markov_model gradient_of_a_loop_in_a_loop "
            "hessian_of_rosenbrock kalman_filter looked_up_by_searching ordered_logistic "
            "power_of_a_vector recurrent_network truncated_gradient",
        ),
    ],
    Upstream(
        "calling",
        "Slice entries must be static integers",
        "JAX traces no slice whose bounds are computed in the graph",
    ): [
        Where(
            "JAX",
            "3.0",
            "game_of_life gaussian_process_marginal_likelihood inputs_given_by_others "
            "joined_and_taken_apart moving_average_by_taps negative_steps_and_new_axes "
            "polynomial_by_terms",
        ),
    ],
    Upstream(
        "compiling",
        "While Scan cannot yet be converted to JAX",
        "PyTensor's JAX linker has no Scan that ends by a condition",
    ): [
        Where("JAX", BOTH, "doubling_until_large newton_until_converged"),
    ],
    Upstream("calling", "Error interpreting argument to", "JAX takes no NumPy generator as an argument"): [
        Where("JAX", BOTH, "generator_as_an_input"),
    ],
    Upstream(
        "calling",
        "No JAX implementation for the given distribution",
        "PyTensor's JAX linker does not know the distribution",
    ): [
        Where("JAX", "3.3", "pymc_censored_waits_drawn"),
    ],
    Upstream(
        "calling", "more than 32 operands", "PyTensor's own Python runs no fused Op of so many operands"
    ): [
        Where("FAST_COMPILE", "3.3", "long_chain thousand_nodes"),
    ],
    Upstream(
        "compiling",
        "JAX requires the arguments of `jax.numpy.arange`",
        "PyTensor's JAX linker wants the bounds of an arange to be constants",
    ): [
        Where("JAX", BOTH, "gaussian_log_density"),
    ],
    Upstream("calling", "has no attribute 'lax_numpy'", "PyTensor's JAX linker calls what JAX has no more"): [
        Where("JAX", BOTH, "different_values"),
    ],
    Upstream(
        "compiling",
        "without static mode",
        "PyTensor's JAX linker wants the mode of a convolution to be a constant",
    ): [
        Where("JAX", BOTH, "convolution_in_one_dimension"),
    ],
    Upstream(
        "compiling",
        "No JAX implementation for Op",
        "PyTensor's JAX linker has the function only with TensorFlow Probability",
    ): [
        Where("JAX", "3.0", "bessel_functions error_functions"),
        Where("JAX", "3.3", "bessel_functions"),
    ],
    Upstream(
        "calling",
        "Array slice indices must have static start/stop/step",
        "JAX traces no slice whose bounds are computed in the graph",
    ): [
        Where(
            "JAX",
            "3.3",
            "game_of_life gaussian_process_marginal_likelihood inputs_given_by_others "
            "joined_and_taken_apart moving_average_by_taps negative_steps_and_new_axes "
            "polynomial_by_terms",
        ),
    ],
    Upstream("calling", "SmallVector unable to grow", "XLA fails on a loop over nothing"): [
        Where("JAX", "3.3", "loop_that_does_not_run"),
    ],
    Upstream(
        "compiling", "JAX does not support nonzero", "JAX traces no array whose length depends on values"
    ): [
        Where("JAX", "3.3", "boolean_masks"),
    ],
}

# By graph, mode and line.
UPSTREAM = {cell: why for why, places in _UPSTREAM.items() for where in places for cell in where.cells()}
