"""A model as a list of tensor operations: what train.py exports and score.py runs. Frozen.

`record` runs a model once and writes down every operation of PyTorch's between the tokens and the logits, with the
weights they use. `Program` reads that back and does the same operations again. So train.py may define any model at
all, and the scorer needs none of its code: what is read back is names, numbers and tensors, and only operations that
compute something from tensors are carried out (no random numbers, no files, no memory that nobody has written to).

    record(model, context, path)          the model maps tokens (ROWS, context), int64, to logits (ROWS, context, 256)
    Program.read(path)(tokens)            the logits
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode

ROWS = 16
"""Sequences that a program takes at once, always."""
LONGEST_CONTEXT = 1024
LARGEST_FILE = 400_000_000
MOST_OPERATIONS = 20_000

_PLAIN = {
    *("arange", "chunk", "complex", "conj", "contiguous", "detach", "diff", "einsum", "expand_as", "eye", "flatten"),
    *("matmul", "linear", "mv", "dot", "outer", "kron", "addmv", "addbmm", "addr", "baddbmm", "masked_fill", "narrow"),
    *("new_full", "new_ones", "new_zeros", "ones", "ones_like", "zeros", "zeros_like", "zero", "fill", "copy", "polar"),
    *("norm", "linalg_vector_norm", "pad", "reshape", "roll", "rot90", "softmax", "split", "squeeze"),
    *("split_with_sizes", "stack", "swapaxes", "t", "take_along_dim", "transpose", "movedim", "tril", "triu"),
    *("tril_indices", "triu_indices", "unbind", "unflatten", "unfold", "unsafe_chunk", "unsafe_split", "view_as"),
    *("unsafe_split_with_sizes", "view_as_complex", "view_as_real", "logcumsumexp", "cummax", "cummin", "std_mean"),
    *("index_add", "bucketize", "searchsorted", "renorm", "celu", "logaddexp", "resolve_conj", "resolve_neg"),
    *("native_batch_norm", "native_group_norm", "lift_fresh", "lift_fresh_copy", "_conj", "_fused_rms_norm"),
    *("_native_batch_norm_legit_no_training", "_safe_softmax", "_unsafe_view", "_weight_norm_interface"),
}
"""Operations beyond those that PyTorch marks as core or as elementwise."""
_NEVER = {"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "empty_permuted", "resize"}
_WEIGHT = "w"
"""What the names of weights begin with."""


class BrokenModelError(Exception):
    """Why a model cannot be recorded or read, in one sentence."""


def record(model: torch.nn.Module, context: int, path: Path) -> None:
    """Write the model's operations and weights to `path`; on the CPU, in evaluation mode."""
    model = model.to("cpu").eval()
    tokens = torch.arange(ROWS * context).remainder(256).view(ROWS, context)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        tape = _Tape(tokens)
        with tape:
            logits = model(tokens)
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(tape.written(logits), path)
        others = 255 - tokens
        if not torch.allclose(Program.read(path)(others), model(others).float(), rtol=1e-3, atol=1e-3):
            raise BrokenModelError(
                "on other text, the recorded operations give another answer than the model; it must not use chance, "
                "read numbers out of tensors (.item()), or write into tensors that were not computed from the tokens"
            )


class _Tape(TorchDispatchMode):
    """Sees each operation as it is done. What does not depend on the tokens is a weight, however it was computed."""

    def __init__(self, tokens: torch.Tensor) -> None:
        super().__init__()
        self._names = {id(tokens): "tokens"}
        self._alive: list[torch.Tensor] = [tokens]  # an id is only a name as long as its tensor lives
        self._shape = list(tokens.shape)
        self._weights: dict[str, torch.Tensor] = {}
        self._operations: list[Any] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not any(self._depends_on_tokens(tensor) for tensor in _tensors([args, kwargs])):
            return func(*args, **kwargs)
        _operation(str(func))  # says at once what could not be read back
        entry = [str(func), self._note(list(args)), self._note(kwargs)]  # before it is done: it may be done in place
        result = func(*args, **kwargs)
        is_list = isinstance(result, tuple | list)
        names = []
        for one in result if is_list else [result]:
            names.append(f"v{len(self._alive)}")
            self._names[id(one)] = names[-1]
            self._alive.append(one)
        self._operations.append([*entry, names, is_list])
        return result

    def _depends_on_tokens(self, tensor: torch.Tensor) -> bool:
        return self._names.get(id(tensor), _WEIGHT)[0] != _WEIGHT

    def written(self, logits: torch.Tensor) -> dict[str, Any]:
        if not self._depends_on_tokens(logits):
            raise BrokenModelError("the model's answer does not depend on the tokens")
        return {
            "shape": self._shape,
            "operations": self._operations,
            "weights": self._weights,
            "logits": self._names[id(logits)],
        }

    def _note(self, value: Any) -> Any:
        """An argument in words and numbers: tensors by name, the rest by what it is."""
        if isinstance(value, torch.Tensor):
            if id(value) not in self._names:
                self._names[id(value)] = f"{_WEIGHT}{len(self._alive)}"
                self._alive.append(value)
                self._weights[self._names[id(value)]] = value.detach().clone().contiguous()
            return {"tensor": self._names[id(value)]}
        if isinstance(value, list | tuple):
            return [self._note(item) for item in value]
        if isinstance(value, dict):
            return {"dict": {key: self._note(item) for key, item in value.items()}}
        for kind in ("dtype", "layout", "memory_format"):
            if isinstance(value, getattr(torch, kind)):
                return {kind: str(value).removeprefix("torch.")}
        if isinstance(value, torch.device):
            return {"device": ""}
        if value is None or isinstance(value, bool | int | float | str | complex):
            return value
        raise BrokenModelError(f"an operation of the model has an argument that cannot be written: {type(value)}")


class Program:
    """The operations read back: call it with tokens."""

    def __init__(self, content: Any, device: str = "cpu") -> None:
        self.rows, self.context = (int(size) for size in content["shape"])
        self._device = torch.device(device)
        self._weights = {str(name): weight.to(device) for name, weight in content["weights"].items()}
        self._logits = str(content["logits"])
        self._operations = [
            (_operation(name), arguments, keywords, names, bool(is_list))
            for name, arguments, keywords, names, is_list in content["operations"]
        ]
        last = {name: number for number, entry in enumerate(self._operations) for name in _used(entry[1:4])}
        last[self._logits] = len(self._operations)
        self._done_with: list[list[str]] = [[] for _ in range(len(self._operations) + 1)]
        for name, number in last.items():
            self._done_with[number].append(name)

    @classmethod
    def read(cls, path: Path, device: str = "cpu") -> Program:
        """The program in the file, which may hold anything: it was written by a program nobody vouches for."""
        if not path.is_file():
            raise BrokenModelError(f"there is no {path}; train.py did not get as far as writing it")
        if path.stat().st_size > LARGEST_FILE:
            raise BrokenModelError(f"{path.name} is larger than {LARGEST_FILE // 1_000_000} MB")
        try:
            program = cls(torch.load(path, map_location="cpu", weights_only=True), device)
        except BrokenModelError:
            raise
        except Exception as error:  # a damaged file can fail in any way
            reason = f"{path.name} cannot be read as a program of tensor operations ({type(error).__name__})"
            raise BrokenModelError(reason) from error
        if program.rows != ROWS or not 1 <= program.context <= LONGEST_CONTEXT:
            raise BrokenModelError(f"the model's input must be {ROWS} rows of 1 to {LONGEST_CONTEXT} bytes")
        if len(program._operations) > MOST_OPERATIONS:
            raise BrokenModelError(f"the model has more than {MOST_OPERATIONS:,} operations")
        return program

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        """The logits, float32, on the CPU. Nothing is carried over from one call to the next."""
        if list(tokens.shape) != [self.rows, self.context]:
            raise ValueError(f"tokens must have the shape {(self.rows, self.context)}")
        values = {name: weight.clone() for name, weight in self._weights.items()}
        values["tokens"] = tokens.to(self._device, copy=True)
        try:
            with torch.no_grad():
                for number, (operation, arguments, keywords, names, is_list) in enumerate(self._operations):
                    result = operation(*self._meant(arguments, values), **self._meant(keywords, values))
                    values.update(zip(names, result if is_list else [result], strict=True))
                    for name in self._done_with[number]:
                        values.pop(name, None)
            logits = values[self._logits]
        except Exception as error:  # what the file says can be wrong in any way
            words = str(error).partition("\n")[0][:200]
            raise BrokenModelError(f"an operation of the model failed: {words}") from error
        if not isinstance(logits, torch.Tensor) or list(logits.shape) != [*tokens.shape, 256]:
            shape = list(getattr(logits, "shape", []))
            raise BrokenModelError(f"the logits have the shape {shape}, not {[*tokens.shape, 256]}")
        return logits.to("cpu", torch.float32)

    def _meant(self, note: Any, values: dict[str, torch.Tensor]) -> Any:
        if isinstance(note, list):
            return [self._meant(item, values) for item in note]
        if not isinstance(note, dict):
            return note
        ((kind, what),) = note.items()
        if kind == "tensor":
            return values[what]
        if kind == "dict":
            return {key: self._meant(item, values) for key, item in what.items()}
        if kind == "device":
            return self._device
        meant = getattr(torch, what)
        if kind not in {"dtype", "layout", "memory_format"} or not isinstance(meant, getattr(torch, kind)):
            raise ValueError(f"no {kind}: {what}")
        return meant


def _operation(name: str) -> Callable[..., Any]:
    """The operation of that name, such as `aten.mm.default`, if it only computes something from tensors."""
    namespace, _, rest = name.partition(".")
    base, _, overload = rest.partition(".")
    functional = base if base.startswith("_") and not base.endswith("_") else base.rstrip("_")
    refused = BrokenModelError(f"the model may not use the operation {name[:80]!r}")
    if namespace != "aten" or functional in _NEVER or "out" in overload:
        raise refused
    try:
        operation = getattr(getattr(torch.ops.aten, base), overload)
        packet = getattr(torch.ops.aten, functional)
        tags = {tag for one in packet.overloads() for tag in getattr(packet, one).tags} | set(operation.tags)
    except AttributeError:
        raise refused from None
    if torch.Tag.nondeterministic_seeded in operation.tags:
        raise refused
    if functional not in _PLAIN and not {torch.Tag.core, torch.Tag.pointwise} & tags:
        raise refused
    found: Callable[..., Any] = operation
    return found


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [tensor for item in items for tensor in _tensors(item)]


def _used(note: Any) -> list[str]:
    """The names of tensors in a note of arguments."""
    if isinstance(note, str):
        return [note]
    items = note.values() if isinstance(note, dict) else note if isinstance(note, list | tuple) else ()
    return [name for item in items for name in _used(item)]
