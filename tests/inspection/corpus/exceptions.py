"""What does not hold, and why: where PyTensor cannot run a graph, and where the inspector is known to be wrong.

Both tables are strict: the test fails where an entry no longer applies. A graph that ends the process is not tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["FAULTS", "UPSTREAM", "Upstream"]

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
        Where("CVM", "3.3", "assertion_that_fails"),
        Where("NUMBA", "3.3", "assertion_that_fails"),
        Where("NATIVE", "3.3", "assertion_that_fails"),
    ],
    Upstream("calling", "", "the user's own matrices cannot be multiplied"): [
        Where("FAST_COMPILE", BOTH, "shapes_that_do_not_fit"),
        Where("CVM", BOTH, "shapes_that_do_not_fit"),
        Where("NUMBA", "3.3", "shapes_that_do_not_fit"),
        Where("JAX", BOTH, "shapes_that_do_not_fit"),
        Where("NATIVE", "3.3", "shapes_that_do_not_fit"),
    ],
    Upstream("calling", "", "the user's own index is out of range"): [
        Where("FAST_COMPILE", BOTH, "index_out_of_range"),
        Where("CVM", "3.3", "index_out_of_range"),
        Where("NUMBA", "3.3", "index_out_of_range"),
        Where("NATIVE", "3.3", "index_out_of_range"),
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

# What the inspector says or does wrongly, by what names the fault; the checks it shows in are below.
ROOT = "a DeepCopyOp of an input goes back to no node"
TRACE = "a constant's list of trace frames, which its copy shares, grows with every recording"
JAX_SHAPE = "under JAX a symbolic Reshape (JAXShapeTuple) makes another graph and values that are unknown"
RAISES = "a function that raises when it is called is said to be finite, or its values to be known"
REPLAY = "as compiled is Python's replay and not what the call gives: JAX's dtypes, its own random draws"
DRAWS = "as compiled is Python's replay: Numba draws some distributions (Cauchy, Gumbel, Bernoulli) otherwise than NumPy"
TAGS = "the copy's nodes keep the marks of the user's compilation (local_log_erfc_applied), so that a rewrite does not fire"
SMALL_INTEGERS = "Python's replay of a fused Op on small integers overflows and gives no value"
CONDITION = "ill-conditioned linear algebra is called changed"
SCAN = "a Scan under Numba works in place in its inner graph, which Python's replay gets wrong"
FLOAT32 = "Python's replay of a fused Op computes with a float32 constant in float32"

_FAULTS: dict[tuple[str, str], list[Where]] = {  # by fault and check
    (ROOT, "origins"): [
        Where(
            "FAST_COMPILE",
            BOTH,
            "inputs_and_constants_as_outputs overflow_in_single_precision several_outputs "
            "written_in_place_of",
        ),
        Where(
            "JAX",
            BOTH,
            "inputs_and_constants_as_outputs overflow_in_single_precision several_outputs "
            "written_in_place_of",
        ),
        Where(
            "CVM",
            "3.3",
            "inputs_and_constants_as_outputs overflow_in_single_precision several_outputs "
            "written_in_place_of",
        ),
        Where(
            "NUMBA", "3.3", "inputs_and_constants_as_outputs overflow_in_single_precision written_in_place_of"
        ),
        Where(
            "NATIVE",
            "3.3",
            "inputs_and_constants_as_outputs overflow_in_single_precision several_outputs "
            "written_in_place_of",
        ),
    ],
    (RAISES, "verdicts"): [
        Where(
            "FAST_COMPILE",
            "3.0",
            "assertion_that_fails index_out_of_range long_chain shapes_that_do_not_fit thousand_nodes "
            "whole_number_divisions",
        ),
        Where(
            "JAX",
            "3.0",
            "assertion_that_fails autoregression_of_order_two convolution_by_shifted_images "
            "different_values fibonacci forward_algorithm_of_a_hidden_markov_model game_of_life "
            "gaussian_process_marginal_likelihood generator_as_an_input gradient_of_a_loop_in_a_loop "
            "hessian_of_rosenbrock index_out_of_range inputs_given_by_others joined_and_taken_apart "
            "kalman_filter looked_up_by_searching moving_average_by_taps negative_steps_and_new_axes "
            "ordered_logistic polynomial_by_terms power_of_a_vector products_of_many_shapes "
            "recurrent_network shapes_that_do_not_fit truncated_gradient",
        ),
        Where("CVM", "3.3", "assertion_that_fails index_out_of_range shapes_that_do_not_fit"),
        Where(
            "JAX",
            "3.3",
            "assertion_that_fails autoregression_of_order_two convolution_by_shifted_images "
            "different_values fibonacci forward_algorithm_of_a_hidden_markov_model game_of_life "
            "gaussian_process_marginal_likelihood generator_as_an_input gradient_of_a_loop_in_a_loop "
            "hessian_of_rosenbrock index_out_of_range inputs_given_by_others joined_and_taken_apart "
            "kalman_filter looked_up_by_searching loop_that_does_not_run moving_average_by_taps "
            "negative_steps_and_new_axes ordered_logistic polynomial_by_terms power_of_a_vector "
            "pymc_censored_waits_drawn recurrent_network shapes_that_do_not_fit truncated_gradient",
        ),
        Where("NUMBA", "3.3", "assertion_that_fails index_out_of_range shapes_that_do_not_fit"),
        Where(
            "FAST_COMPILE",
            "3.3",
            "assertion_that_fails index_out_of_range long_chain shapes_that_do_not_fit thousand_nodes",
        ),
        Where("NATIVE", "3.3", "assertion_that_fails index_out_of_range shapes_that_do_not_fit"),
        Where("CVM", "3.0", "shapes_that_do_not_fit"),
    ],
    (TRACE, "untouched"): [
        Where("FAST_COMPILE", "3.0", "fibonacci"),
        Where("JAX", "3.0", "fibonacci gaussian_process_marginal_likelihood"),
        Where("CVM", "3.3", "fibonacci"),
        Where("NUMBA", BOTH, "fibonacci"),
        Where("FAST_COMPILE", "3.3", "fibonacci pymc_stochastic_volatility"),
        Where("JAX", "3.3", "fibonacci pymc_change_point pymc_negative_binomial pymc_stochastic_volatility"),
    ],
    (REPLAY, "verdicts"): [
        Where(
            "JAX",
            "3.0",
            "batch_norm_with_running_means chain_of_one_generator clipped_gradients "
            "generator_that_does_not_move inputs_and_constants_as_outputs mixture_of_normals "
            "multivariate_draws no_inputs not_positive_definite one_draw_read_twice "
            "overflow_in_single_precision permutation_and_choice random_variables random_walk_inside "
            "reparametrised_gradient single_precision single_precision_gradient_step",
        ),
        Where(
            "JAX",
            "3.3",
            "batch_norm_with_running_means chain_of_one_generator generator_that_does_not_move "
            "inputs_and_constants_as_outputs mixture_of_normals multivariate_draws no_inputs "
            "not_positive_definite one_draw_read_twice overflow_in_single_precision "
            "permutation_and_choice pymc_eight_schools_not_centred_drawn pymc_linear_regression_drawn "
            "pymc_stochastic_volatility_drawn random_variables random_walk_inside "
            "reparametrised_gradient single_precision single_precision_gradient_step "
            "stream_of_normals",
        ),
    ],
    (FLOAT32, "verdicts"): [
        Where("CVM", "3.3", "clipped_gradients ordered_logistic"),
        Where("NATIVE", "3.3", "ordered_logistic"),
        Where("CVM", "3.0", "ordered_logistic"),
        Where("NUMBA", "3.3", "clipped_gradients ordered_logistic"),
    ],
    (TAGS, "matches"): [
        Where("CVM", "3.3", "tails_far_out"),
        Where("JAX", BOTH, "tails_far_out"),
        Where("NATIVE", BOTH, "tails_far_out"),
        Where("NUMBA", "3.3", "tails_far_out"),
    ],
    (TAGS, "copy"): [
        Where("CVM", "3.3", "tails_far_out"),
        Where("JAX", BOTH, "tails_far_out"),
        Where("NATIVE", BOTH, "tails_far_out"),
        Where("NUMBA", "3.3", "tails_far_out"),
    ],
    (TAGS, "verdicts"): [
        Where("CVM", "3.3", "tails_far_out"),
        Where("JAX", BOTH, "tails_far_out"),
        Where("NATIVE", BOTH, "tails_far_out"),
        Where("NUMBA", "3.3", "tails_far_out"),
    ],
    (SMALL_INTEGERS, "verdicts"): [
        Where("CVM", "3.3", "bits_and_small_integers whole_number_divisions"),
        Where("JAX", "3.0", "bits_and_small_integers whole_number_divisions"),
        Where("NUMBA", BOTH, "bits_and_small_integers whole_number_divisions"),
        Where("CVM", "3.0", "whole_number_divisions"),
    ],
    (JAX_SHAPE, "matches"): [
        Where(
            "JAX",
            "3.3",
            "convolution_by_shifted_images dropout joined_and_taken_apart kronecker_products "
            "products_of_many_shapes reshaped_by_its_own_shape",
        ),
        Where(
            "JAX",
            "3.0",
            "convolution_by_shifted_images dropout joined_and_taken_apart products_of_many_shapes "
            "reshaped_by_its_own_shape",
        ),
    ],
    (JAX_SHAPE, "verdicts"): [
        Where("JAX", "3.3", "dropout kronecker_products products_of_many_shapes reshaped_by_its_own_shape"),
        Where("JAX", "3.0", "dropout reshaped_by_its_own_shape"),
    ],
    (SCAN, "verdicts"): [
        Where(
            "NUMBA",
            "3.3",
            "gradient_of_a_loop_in_a_loop loop_in_a_loop mapped_and_reduced "
            "matrix_power_with_two_states runge_kutta_gradient",
        ),
        Where(
            "NUMBA",
            "3.0",
            "gradient_of_a_loop_in_a_loop loop_in_a_loop mapped_and_reduced "
            "matrix_power_with_two_states random_walk_inside runge_kutta_gradient",
        ),
        Where("NATIVE", "3.3", "matrix_power_with_two_states"),
        Where(
            "NATIVE",
            "3.0",
            "hessian_of_rosenbrock loop_in_a_loop mapped_and_reduced matrix_power_with_two_states "
            "power_iteration",
        ),
    ],
    (CONDITION, "verdicts"): [
        Where("JAX", "3.0", "ill_conditioned_solve"),
    ],
    (DRAWS, "verdicts"): [
        Where("NATIVE", "3.3", "pymc_eight_schools_not_centred_drawn"),
    ],
}

# By graph, mode and line.
UPSTREAM = {cell: why for why, places in _UPSTREAM.items() for where in places for cell in where.cells()}
# By graph, mode and line: the checks that fail, and the fault that makes them.
FAULTS: dict[tuple[str, str, str], dict[str, str]] = {}
for (_fault, _check), _places in _FAULTS.items():
    for _where in _places:
        for _cell in _where.cells():
            FAULTS.setdefault(_cell, {})[_check] = _fault
