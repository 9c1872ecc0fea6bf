"""The one file that knows onnxruntime: a tensor in, the model's raw outputs out.

The OpenVINO provider runs the whole graph or the engine refuses to start. Without that rule a wrong option, a node
that OpenVINO lacks or an absent plugin moves the model to onnxruntime's own CPU provider, at a fraction of the speed,
and `get_providers()` still lists OpenVINO first: `session.disable_cpu_ep_fallback` is the one setting that shows it.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from storeflow.errors import ModelError

Outputs = list[NDArray[Any]]

_PROVIDER = "OpenVINOExecutionProvider"
_LOG_FATAL_ONLY = 4
_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})


class Engine:
    """One loaded model. `run` may be called from several threads at once.

    Args:
        weights: an ONNX file with a single float32 input.
        input_shape: (1, 3, height, width); a model with free dimensions is fixed to it.
        precision: `bf16` is used where the CPU has it, `f32` everywhere else.

    Raises:
        ModelError: the file is no ONNX model, OpenVINO cannot run all of it, an option is wrong,
            or the model does not take `input_shape`.
    """

    def __init__(
        self,
        weights: Path,
        input_shape: tuple[int, int, int, int],
        *,
        precision: Literal["f32", "bf16"] = "f32",
    ) -> None:
        self._weights = weights
        self._input_shape = input_shape
        # Said out loud in both cases: left alone, OpenVINO chooses bf16 by itself on a CPU that has it.
        self.precision: Literal["f32", "bf16"] = "bf16" if precision == "bf16" and cpu_has_bf16() else "f32"
        session_options = ort.SessionOptions()
        session_options.log_severity_level = _LOG_FATAL_ONLY
        session_options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        try:
            self._session = ort.InferenceSession(
                str(weights), session_options, providers=[(_PROVIDER, _provider_options(self.precision))]
            )
        except Exception as error:  # onnxruntime's errors share no base class but this one
            raise ModelError(f"weights {weights} cannot be run by OpenVINO: {_cause(error)}") from error
        self._session.disable_fallback()
        self._input_name = self._check_input()

    def run(self, tensor: NDArray[np.float32]) -> Outputs:
        """The model's outputs, in its own order.

        Raises:
            ModelError: the tensor has another shape or type than the engine was built for, or the run failed.
        """
        if tensor.shape != self._input_shape or tensor.dtype != np.float32:
            raise ModelError(
                f"weights {self._weights}: expected float32 {self._input_shape}, got {tensor.dtype} {tensor.shape}"
            )
        try:
            return cast("Outputs", self._session.run(None, {self._input_name: tensor}))
        except Exception as error:  # onnxruntime's errors share no base class but this one
            raise ModelError(f"weights {self._weights} failed to run: {_cause(error)}") from error

    def _check_input(self) -> str:
        inputs = self._session.get_inputs()
        taken = [(each.name, each.type, each.shape) for each in inputs]
        if len(inputs) != 1 or inputs[0].type != "tensor(float)" or not _fits(inputs[0].shape, self._input_shape):
            raise ModelError(
                f"weights {self._weights} take {taken}, the card says one float32 input of shape {self._input_shape}"
            )
        return str(inputs[0].name)


@cache
def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies in bfloat16; elsewhere OpenVINO would imitate it slowly."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return not _BF16_FLAGS.isdisjoint(flags.split())


def _provider_options(precision: str) -> dict[str, str]:
    """One picture at a time, on all cores of the CPU."""
    cpu = {"INFERENCE_PRECISION_HINT": precision, "NUM_STREAMS": "1"}
    return {"device_type": "CPU", "load_config": json.dumps({"CPU": cpu})}


def _fits(declared: list[int | str | None], wanted: tuple[int, ...]) -> bool:
    """Whether a declared shape, whose free dimensions are names or None, admits the wanted one."""
    return len(declared) == len(wanted) and all(
        not isinstance(size, int) or size == want for size, want in zip(declared, wanted, strict=True)
    )


def _cause(error: Exception) -> str:
    """The first line of what onnxruntime says, without its prefix of codes."""
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    cause = first.removeprefix("[ONNXRuntimeError] : ")
    if "not acyclic" in cause:
        return f"{cause} (models with dynamic int8 layers end like this: export the model in f32, or with QDQ int8)"
    if "disabled fallback" in cause or "explicitly disabled" in cause:
        return f"{cause} (OpenVINO refused an option or some nodes, and slow execution elsewhere is not allowed)"
    return cause
