"""PyTorch: a tape recorded while Python runs, or the same Python captured by `torch.compile`."""

from __future__ import annotations

from typing import Any, TypeAlias

import torch
from numpy.typing import NDArray
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from graphs.peers.contract import Data, StepCount, Training

__all__ = ["build"]

Tensor: TypeAlias = torch.Tensor


# --- formula: textbook
def textbook(x: Tensor, y: Tensor, w: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Probability of 1 and cross-entropy, as on paper."""
    p_1 = 1 / (1 + torch.exp(-(x @ w) - b))
    xent = -y * torch.log(p_1) - (1 - y) * torch.log(1 - p_1)
    return p_1, xent


# --- formula: logits
def logits(x: Tensor, y: Tensor, w: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The same from the logits z, by the function that PyTorch's manual recommends."""
    z = x @ w + b
    return torch.sigmoid(z), functional.binary_cross_entropy_with_logits(z, y, reduction="none")


# --- formula: softplus
def softplus(x: Tensor, y: Tensor, w: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """From the logits by `softplus`, which returns z itself above its threshold of 20."""
    z = x @ w + b
    return torch.sigmoid(z), functional.softplus(z) - y * z


# --- end


class PytorchTraining(Training):
    """The experiment in PyTorch; `how` is ``eager`` or ``compile``."""

    def __init__(self, data: Data, formula: str, how: str, learning_rate: float, weight_decay: float) -> None:
        # --- declare
        self.x = torch.tensor(data.x)
        self.y = torch.tensor(data.y, dtype=self.x.dtype)
        self.w = torch.tensor(data.initial_w, requires_grad=True)
        self.b = torch.tensor(data.initial_b, dtype=self.x.dtype, requires_grad=True)
        # --- end
        self.formula = {"textbook": textbook, "logits": logits, "softplus": softplus}[formula]
        self.weight_decay = weight_decay
        self.how = how
        # --- update
        self.optimizer = torch.optim.SGD([self.w, self.b], lr=learning_rate)
        # --- end
        # `optimizer.step` stays eager: torch.compile 2.13 silently drops the update of a parameter
        # without dimensions, such as b (`graphs.lessons.numbers.compiled_optimizer` shows it).
        self.run_cost = torch.compile(self.cost, fullgraph=True) if how == "compile" else self.cost

    def cost(self, w: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The cost, and beside it prediction and xent."""
        # --- formula
        p_1, xent = self.formula(self.x, self.y, w, b)
        cost = xent.mean() + self.weight_decay * (w**2).sum()
        # --- end
        return cost, p_1 > 0.5, xent

    def train(self) -> tuple[Tensor, Tensor]:
        cost, prediction, xent = self.run_cost(self.w, self.b)
        # --- gradient
        self.optimizer.zero_grad()
        cost.backward()
        # --- update
        self.optimizer.step()
        # --- end
        return prediction, xent.detach()

    def parameters(self) -> tuple[NDArray[Any], float]:
        return self.w.detach().numpy().copy(), self.b.item()

    def gradient(self) -> dict[str, str]:
        """The tape that `backward` walks; compiled, also the FX graphs of cost and gradient."""
        cost, _, _ = self.cost(self.w, self.b)
        texts = {"autograd tape": _tape(cost)}
        if self.how == "compile":
            texts |= self._fx_graphs()
        return texts

    def _fx_graphs(self) -> dict[str, str]:
        from functorch.compile import make_boxed_func
        from torch._dynamo.backends.common import aot_autograd

        texts: dict[str, str] = {}

        def keep(name: str) -> Any:
            def compiler(graph: torch.fx.GraphModule, inputs: Any) -> Any:
                texts[name] = graph.print_readable(print_output=False)
                return make_boxed_func(graph.forward)

            return compiler

        backend = aot_autograd(fw_compiler=keep("FX graph, forward"), bw_compiler=keep("FX graph, backward"))
        torch.compile(self.cost, backend=backend)(self.w, self.b)[0].backward()
        self.optimizer.zero_grad()
        return texts

    def count(self) -> StepCount:
        """Ops of one step as PyTorch's dispatcher sees them; compiled, as its profiler does."""
        return self._count_kernels() if self.how == "compile" else _count_dispatched(self.train)

    def _count_kernels(self) -> StepCount:
        """Compile anew, with kernels that report to the profiler, and profile one step."""
        from torch._inductor import config

        with config.patch({"cpp.enable_kernel_profile": True}):
            # A function of its own: for `self.cost` itself, the program without profiling would be found.
            profiled = torch.compile(lambda w, b: self.cost(w, b), fullgraph=True)
            compiled, self.run_cost = self.run_cost, profiled
            try:
                self.train()
                with torch.profiler.profile(
                    activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True, acc_events=True
                ) as profile:
                    self.train()
            finally:
                self.run_cost = compiled
        events = [event for event in profile.events() or () if not _within(event, "TorchDynamo Cache Lookup")]
        calls = {e.name for e in events if e.name.startswith("## Call CompiledFxGraph")}
        kernels = [e for e in events if "_cpp_fused_" in e.name]
        ops = [e for e in events if e.name.startswith("aten::") and not _within(e.cpu_parent, "aten::")]
        allocated = [
            event.nbytes()
            for event in profile.profiler.kineto_results.events()
            if event.name() == "[memory]" and event.nbytes() > 0
        ]
        return StepCount(
            dispatches=len(calls) + sum(1 for op in ops if not _within(op, "## Call CompiledFxGraph")),
            ops=len(kernels) + len(ops),
            temporaries=len(allocated),
            bytes=sum(allocated),
            how="torch.profiler: compiled graphs called and ops outside them; fused kernels and ops; "
            "allocations of the CPU allocator",
        )


def _within(event: Any, prefix: str) -> bool:
    """Whether the event, or one that it ran in, has a name that begins so."""
    while event is not None:
        if event.name.startswith(prefix):
            return True
        event = event.cpu_parent
    return False


def _tape(cost: Tensor) -> str:
    """The nodes reachable from `cost`, each before those that it passes its gradient to."""
    lines, numbers, waiting = [], {cost.grad_fn: 0}, [cost.grad_fn]
    while waiting:
        node = waiting.pop(0)
        assert node is not None
        following = [after for after, _ in node.next_functions if after is not None]
        for after in following:
            if after not in numbers:
                numbers[after] = len(numbers)
                waiting.append(after)
        arrows = ", ".join(f"%{numbers[after]}" for after in following)
        lines.append(f"%{numbers[node]} {node.name()}" + (f" -> {arrows}" if arrows else ""))
    return "\n".join(lines)


class _Dispatched(TorchDispatchMode):  # type: ignore[misc]  # Any where PyTorch is skipped
    """Notes every op that reaches the dispatcher below autograd, and the new storage it makes."""

    def __init__(self) -> None:
        super().__init__()
        self.ops = 0
        self.allocated: list[int] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.ops += 1
        before = {_address(value) for value in tree_leaves((args, kwargs)) if torch.is_tensor(value)}
        for value in tree_leaves(result):
            if torch.is_tensor(value) and _address(value) not in before:
                self.allocated.append(value.untyped_storage().nbytes())
        return result


def _address(tensor: Tensor) -> Any:
    return tensor.untyped_storage()._cdata


def _count_dispatched(step: Any) -> StepCount:
    with _Dispatched() as seen:
        step()
    return StepCount(
        dispatches=seen.ops,
        ops=seen.ops,
        temporaries=len(seen.allocated),
        bytes=sum(seen.allocated),
        how="every op that reached a TorchDispatchMode, backward and optimizer included",
    )


build = PytorchTraining
