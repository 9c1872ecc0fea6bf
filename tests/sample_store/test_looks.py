from storeflow.sample_store.surfaces import FLOORS, SAMPLE_SURFACES, TRAINING_SURFACES
from storeflow.sample_store.wardrobe import PATTERNS, SAMPLE, TRAINING, Colour, Wardrobe
from tools.train_detector import scenes


def colours(wardrobe: Wardrobe) -> set[Colour]:
    return {colour for palette in wardrobe.palettes.values() for colour in palette}


def test_sample_and_training_share_no_look_by_name() -> None:
    assert not SAMPLE.palettes.keys() & TRAINING.palettes.keys()
    assert not SAMPLE.builds.keys() & TRAINING.builds.keys()
    assert not set(SAMPLE.cloths) & set(TRAINING.cloths)
    assert not set(SAMPLE_SURFACES.floors) & set(TRAINING_SURFACES.floors)
    assert not set(SAMPLE_SURFACES.goods) & set(TRAINING_SURFACES.goods)


def test_sample_and_training_share_no_colour() -> None:
    assert not colours(SAMPLE) & colours(TRAINING)
    assert not set(SAMPLE.skins) & set(TRAINING.skins)
    assert not set(SAMPLE.hairs) & set(TRAINING.hairs)
    assert not set(SAMPLE_SURFACES.paints) & set(TRAINING_SURFACES.paints)
    assert not set(SAMPLE_SURFACES.goods_colours) & set(TRAINING_SURFACES.goods_colours)


def test_no_body_of_the_sample_has_proportions_that_training_can_draw() -> None:
    for known in TRAINING.builds.values():
        for held_out in SAMPLE.builds.values():
            height_apart = held_out.height[0] > known.height[1] or held_out.height[1] < known.height[0]
            girth_apart = held_out.girth[0] > known.girth[1] or held_out.girth[1] < known.girth[0]
            assert height_apart or girth_apart


def test_every_cloth_and_floor_can_be_drawn() -> None:
    assert {*SAMPLE.cloths, *TRAINING.cloths} <= PATTERNS.keys()
    assert {*SAMPLE_SURFACES.floors, *TRAINING_SURFACES.floors} == FLOORS.keys()


def test_training_draws_the_same_scene_from_a_seed_and_another_from_the_next() -> None:
    first, again, other = (scenes.random_scenes(scenes.FIRST_SEED + offset, 1)[0] for offset in (0, 0, 1))
    assert (first.image == again.image).all()
    assert (first.boxes == again.boxes).all()
    assert (first.image != other.image).any()


def test_the_training_scenes_reach_for_nothing_of_the_sample() -> None:
    names = vars(scenes).values()
    assert not any(value is SAMPLE or value is SAMPLE_SURFACES for value in names)
    assert any(value is TRAINING for value in names)
