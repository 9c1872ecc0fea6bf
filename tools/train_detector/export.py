"""Write a trained checkpoint as one ONNX file in the `centre_map` contract, and its sha256 into `model.toml`.

Wants the environment of `train.py`. The graph: input `image` float32 [1, 3, 256, 448], RGB in 0..1; output `maps`
float32 [1, 5, 64, 112]: the centre's probability at peaks and 0 elsewhere, then the distances from the middle of
the cell to the left, top, right and bottom edge of the body in pixels of the input.
"""

import argparse
import hashlib
import re
from pathlib import Path

import torch

from tools.train_detector.network import CentreMap, StoreflowNano
from tools.train_detector.scenes import HEIGHT, WIDTH

MODEL_FOLDER = Path("models/person/storeflow_nano")


def export(checkpoint: Path, folder: Path) -> str:
    """Write `storeflow_nano.onnx` into `folder`, update its `model.toml`, and return the sha256."""
    network = StoreflowNano()
    network.load_state_dict(torch.load(checkpoint, weights_only=True))
    graph = CentreMap(network).eval()
    path = folder / "storeflow_nano.onnx"
    torch.onnx.export(
        graph,
        (torch.zeros(1, 3, HEIGHT, WIDTH),),
        str(path),
        input_names=["image"],
        output_names=["maps"],
        opset_version=17,
        dynamo=False,
    )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    entry = folder / "model.toml"
    text, replaced = re.subn(
        r'^sha256 = ".*"$', f'sha256 = "{digest}"', entry.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    if replaced != 1:
        raise ValueError(f"{entry}: expected one sha256 line, found {replaced}")
    entry.write_text(text, encoding="utf-8")
    return digest


def main() -> None:
    """Parse the command line and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--folder", type=Path, default=MODEL_FOLDER)
    chosen = parser.parse_args()
    print(export(chosen.checkpoint, chosen.folder))


if __name__ == "__main__":
    main()
