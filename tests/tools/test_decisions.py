from pathlib import Path

from tools.decisions import compare, read


def test_on_the_ground_truth_of_a_mall_and_a_street_nearly_every_crossing_is_counted(eval_data: Path) -> None:
    true = found = besides = 0
    for name in ("TUD-Campus", "MOT17-02", "CAVIAR-mwt1"):
        sequence = read(eval_data / "mot" / name)
        counted, extra = compare(sequence)
        true, found = true + len(sequence.crossings), found + counted
        besides += sum(number for reason, number in extra.items() if reason != "edge")
    assert true == 298
    assert found >= 0.95 * true
    assert besides <= 0.02 * true
