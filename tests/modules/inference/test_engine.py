from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from modules.inference import engine as engine_module
from modules.inference.engine import Engine
from storeflow.errors import ModelError

YOLOX_SHAPE = (1, 3, 416, 416)


def test_a_model_runs_and_gives_its_outputs(eval_data: Path) -> None:
    engine = Engine(eval_data / "models" / "yolox_nano_bigisland.onnx", YOLOX_SHAPE)

    (output,) = engine.run(np.zeros(YOLOX_SHAPE, np.float32))

    assert output.shape == (1, 3549, 85)
    assert np.isfinite(output).all()


def test_free_dimensions_take_the_size_that_the_card_names(eval_data: Path) -> None:
    engine = Engine(eval_data / "models" / "rtmdet_nano.onnx", (1, 3, 384, 640))

    boxes, labels = engine.run(np.zeros((1, 3, 384, 640), np.float32))

    assert boxes.shape[2] == 5
    assert boxes.shape[:2] == labels.shape


@pytest.mark.parametrize(
    "options",
    [
        {"device_type": "AUTO"},  # would run every node on onnxruntime's CPU provider and still list OpenVINO first
        {"load_config": "/no/such/file.json"},
        {"precision": "BF16"},
        {"no_such_option": "1"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_an_option_that_would_fall_back_silently_is_refused(
    eval_data: Path, options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = engine_module._provider_options("f32")
    monkeypatch.setattr(engine_module, "_provider_options", lambda _precision: usual | options)
    with pytest.raises(ModelError, match="cannot be run by OpenVINO"):
        Engine(eval_data / "models" / "yolox_nano_bigisland.onnx", YOLOX_SHAPE)


def test_without_the_refusal_the_same_option_does_fall_back(eval_data: Path) -> None:
    """The proof that the refusal is what refuses: onnxruntime alone accepts the option and says nothing."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    weights = str(eval_data / "models" / "yolox_nano_bigisland.onnx")
    session = ort.InferenceSession(weights, options, providers=[("OpenVINOExecutionProvider", {"device_type": "AUTO"})])
    assert session.get_providers()[0] == "OpenVINOExecutionProvider"


def test_a_model_with_dynamic_int8_layers_is_told_and_not_a_crash(eval_data: Path) -> None:
    with pytest.raises(ModelError, match="dynamic int8") as raised:
        Engine(eval_data / "models" / "yolov8n_int8_msh.onnx", (1, 3, 640, 640))
    assert "yolov8n_int8_msh.onnx" in str(raised.value)


def test_a_text_with_the_name_of_a_model_is_told(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_text("version https://git-lfs.github.com/spec/v1\n", encoding="ascii")
    with pytest.raises(ModelError, match=r"model\.onnx cannot be run"):
        Engine(path, YOLOX_SHAPE)


def test_a_truncated_model_is_told(eval_data: Path, tmp_path: Path) -> None:
    path = tmp_path / "half.onnx"
    whole = (eval_data / "models" / "yolox_nano_bigisland.onnx").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=r"half\.onnx cannot be run"):
        Engine(path, YOLOX_SHAPE)


def test_a_model_for_another_input_size_is_told(eval_data: Path) -> None:
    with pytest.raises(ModelError, match=r"416.*the card says one float32 input of shape \(1, 3, 384, 640\)"):
        Engine(eval_data / "models" / "yolox_nano_bigisland.onnx", (1, 3, 384, 640))


@pytest.mark.parametrize(
    "tensor",
    [np.zeros((1, 3, 320, 320), np.float32), np.zeros(YOLOX_SHAPE, np.uint8)],
    ids=["shape", "type"],
)
def test_a_tensor_of_another_shape_or_type_is_refused(eval_data: Path, tensor: NDArray[Any]) -> None:
    engine = Engine(eval_data / "models" / "yolox_nano_bigisland.onnx", YOLOX_SHAPE)
    with pytest.raises(ModelError, match="expected float32"):
        engine.run(tensor)


def test_bf16_is_a_wish_that_a_cpu_without_it_does_not_grant(eval_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = eval_data / "models" / "yolox_nano_bigisland.onnx"
    monkeypatch.setattr(engine_module, "cpu_has_bf16", lambda: False)
    assert Engine(weights, YOLOX_SHAPE, precision="bf16").precision == "f32"

    monkeypatch.setattr(engine_module, "cpu_has_bf16", lambda: True)
    assert Engine(weights, YOLOX_SHAPE, precision="bf16").precision == "bf16"
    assert Engine(weights, YOLOX_SHAPE, precision="f32").precision == "f32"
