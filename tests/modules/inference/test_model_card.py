import hashlib
from pathlib import Path
from typing import get_args

import pytest

from modules.inference.model_card import find_weights, load_card
from storeflow.contract.layout import Vehicle
from storeflow.errors import ModelError

CARD = """
[model]
task = "person"
name = "tiny"
file = "tiny.onnx"
sha256 = "{sha256}"
licence = "Apache-2.0"
source = "trained for this test"
{url}
[input]
width = 64
height = 32
layout = "nchw"
colour = "rgb"
fit = "letterbox_centre"
pad = 114
mean = [0.0, 0.0, 0.0]
std = [255.0, 255.0, 255.0]

[output]
decoder = "yolox"
labels = ["person", "car", "bus"]
keep = ["bus", "person"]
threshold = 0.4
nms_iou = 0.6

[engine]
precision = "bf16"
"""
WEIGHTS = b"\x08\x07 bytes of a model"


def write_card(root: Path, text: str | None = None, url: str = "") -> Path:
    folder = root / "person" / "tiny"
    folder.mkdir(parents=True)
    filled = CARD.format(sha256=hashlib.sha256(WEIGHTS).hexdigest(), url=url)
    (folder / "model.toml").write_text(filled if text is None else text, encoding="utf-8")
    return folder


def changed(old: str, new: str) -> str:
    filled = CARD.format(sha256=hashlib.sha256(WEIGHTS).hexdigest(), url="")
    assert old in filled
    return filled.replace(old, new)


def test_a_card_says_what_it_keeps_and_which_weights_it_is_about(tmp_path: Path) -> None:
    card = load_card(write_card(tmp_path))

    assert card.output.kept_classes == (0, 2)
    assert card.version == f"tiny@{hashlib.sha256(WEIGHTS).hexdigest()[:12]}"
    assert card.engine.precision == "bf16"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("width = 64", "width = 0", "input.width"),
        ('colour = "rgb"', 'colour = "grey"', "input.colour"),
        ("std = [255.0, 255.0, 255.0]", "std = [255.0, 0.0, 255.0]", "input.std"),
        ('keep = ["bus", "person"]', 'keep = ["lorry"]', "output.keep: lorry not among labels"),
        ('keep = ["bus", "person"]', "keep = []", "output.keep"),
        ("threshold = 0.4", "treshold = 0.4", "output.treshold"),
        ('decoder = "yolox"', 'decoder = "ssd"', "output.decoder: one of rtmdet, yolox, centre_map is expected"),
        ('sha256 = "', 'sha256 = "x', "model.sha256"),
        ('name = "tiny"', 'name = "other"', "rename the folder"),
        ("[model]", "[model", "not TOML"),
    ],
)
def test_a_wrong_card_names_the_field(tmp_path: Path, old: str, new: str, fault: str) -> None:
    with pytest.raises(ModelError, match="model card") as raised:
        load_card(write_card(tmp_path, changed(old, new)))
    assert fault in str(raised.value)


def test_a_folder_without_a_card_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model card"):
        load_card(tmp_path / "person" / "nobody")


def test_weights_beside_the_card_come_before_those_of_the_cache(tmp_path: Path) -> None:
    folder, cache = write_card(tmp_path), tmp_path / "cache"
    cache.mkdir()
    (cache / "tiny.onnx").write_bytes(WEIGHTS)
    assert find_weights(load_card(folder), folder, (tmp_path / "empty", cache)) == cache / "tiny.onnx"

    (folder / "tiny.onnx").write_bytes(WEIGHTS)
    assert find_weights(load_card(folder), folder, (tmp_path / "empty", cache)) == folder / "tiny.onnx"


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (WEIGHTS[:-3], ""),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "it is a text, not a model"),
    ],
    ids=["truncated", "text"],
)
def test_wrong_weights_name_both_sums_the_path_and_the_cure(tmp_path: Path, content: bytes, hint: str) -> None:
    folder = write_card(tmp_path)
    (folder / "tiny.onnx").write_bytes(content)

    with pytest.raises(ModelError) as raised:
        find_weights(load_card(folder), folder, ())
    told = str(raised.value)
    assert hashlib.sha256(content).hexdigest() in told
    assert hashlib.sha256(WEIGHTS).hexdigest() in told
    assert str(folder / "tiny.onnx") in told
    assert "delete the file" in told
    assert hint in told


def test_wrong_weights_are_not_passed_over_for_right_ones_farther_on(tmp_path: Path) -> None:
    folder, cache = write_card(tmp_path), tmp_path / "cache"
    cache.mkdir()
    (folder / "tiny.onnx").write_bytes(WEIGHTS[:-1])
    (cache / "tiny.onnx").write_bytes(WEIGHTS)

    with pytest.raises(ModelError, match="sha256"):
        find_weights(load_card(folder), folder, (cache,))


def test_weights_that_the_disk_does_not_give_are_named_with_what_it_says(tmp_path: Path) -> None:
    folder = write_card(tmp_path)
    (folder / "tiny.onnx").symlink_to("/proc/self/mem")  # a file whose first byte nobody can read

    with pytest.raises(ModelError, match=r"weights .*tiny\.onnx cannot be read: Input/output error"):
        find_weights(load_card(folder), folder, ())


def test_missing_weights_name_every_place_and_where_to_fetch_them(tmp_path: Path) -> None:
    folder = write_card(tmp_path, url='url = "https://models.example/tiny.onnx"')

    with pytest.raises(ModelError) as raised:
        find_weights(load_card(folder), folder, (tmp_path / "cache",))
    for fact in (str(folder), str(tmp_path / "cache"), "tiny.onnx"):
        assert fact in str(raised.value)
    assert str(raised.value).endswith("its source: trained for this test, https://models.example/tiny.onnx")


def test_of_missing_weights_without_an_address_it_is_said_where_they_come_from(tmp_path: Path) -> None:
    folder = write_card(tmp_path)
    with pytest.raises(ModelError, match=r"into one of them; its source: trained for this test$"):
        find_weights(load_card(folder), folder, ())


def test_every_card_in_the_tree_is_sound_and_has_a_licence_and_a_page(repository: Path) -> None:
    cards = sorted((repository / "models").glob("*/*/model.toml"))
    assert {"rtmdet_nano", "yolox_nano"} <= {path.parent.name for path in cards}
    for path in cards:
        load_card(path.parent)
        assert (path.parent / "LICENSE").is_file(), path
        assert (path.parent / "README.md").is_file(), path


def test_what_the_models_in_the_tree_report_can_be_counted(repository: Path) -> None:
    cards = [load_card(path.parent) for path in (repository / "models").glob("*/*/model.toml")]
    reported = {card.output.labels[label] for card in cards for label in card.output.kept_classes}
    assert reported == {"person", *get_args(Vehicle)}


def test_a_wrong_card_is_told_in_our_words(tmp_path: Path) -> None:
    text = changed("width = 64", 'width = "wide"').replace('colour = "rgb"', 'colour = "grey"')
    with pytest.raises(ModelError) as raised:
        load_card(write_card(tmp_path, text))
    told = "input.width: is text, a whole number is expected; input.colour: rgb or bgr is expected"
    assert str(raised.value).endswith(f"model.toml: {told}")
