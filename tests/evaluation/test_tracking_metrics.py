"""The metrics of tracking: by hand, and against TrackEval (which is MIT-licensed and only a test's oracle)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from watchpost.datasets.mot_text import MotBoxes, read_mot
from watchpost.evaluation.tracking import TrackingScores, evaluate_tracking
from watchpost.geometry import box_iou


def boxes(rows: list[tuple[int, int, float]], confidence: float = 1.0) -> MotBoxes:
    """Boxes of 10 x 10 pixels from (frame, id, left)."""
    table = np.array(rows, np.float64).reshape(-1, 3)
    left = table[:, 2:]
    zero = np.zeros_like(left)
    return MotBoxes(
        table[:, 0].astype(int),
        table[:, 1].astype(int),
        np.concatenate([left, zero, left + 10, zero + 10], axis=1),
        np.full(len(table), confidence),
    )


WALK = boxes([(k, 1, 100.0 + k) for k in range(1, 11)])


def test_perfect_results_score_one() -> None:
    scores = evaluate_tracking(WALK, WALK, 1, 10)
    assert scores.hota.hota == scores.hota.ass_a == scores.hota.loc_a == 1
    assert scores.clear.mota == scores.clear.motp == scores.identity.idf1 == 1
    assert (scores.clear.mostly_tracked, scores.clear.id_switches, scores.clear.fragments) == (1, 0, 0)
    assert (scores.frames, scores.objects, scores.boxes, scores.result_tracks) == (10, 1, 10, 1)


def test_one_switch_by_hand() -> None:
    """Ten frames of one object; the result changes its id once, after 5 frames."""
    results = replace(WALK, id=np.array([1] * 5 + [2] * 5))
    scores = evaluate_tracking(WALK, results, 1, 10)
    assert scores.clear.id_switches == 1
    assert scores.clear.mota == pytest.approx(1 - 1 / 10)
    assert scores.identity.idf1 == pytest.approx(0.5)
    assert scores.hota.det_a == 1
    assert scores.hota.ass_a == pytest.approx(0.5)  # each half: 5 matches of 5 + 10 - 5
    assert scores.hota.hota == pytest.approx(np.sqrt(0.5))


def test_a_gap_by_hand() -> None:
    """Frames 4 to 6 are missing, a second object is always seen, and one false alarm is elsewhere."""
    truth = boxes([(k, i, 100.0 * i) for k in range(1, 11) for i in (1, 2)])
    rows = [(k, i, 100.0 * i) for k in range(1, 11) for i in (1, 2) if i == 2 or not 4 <= k <= 6]
    scores = evaluate_tracking(truth, boxes([*rows[:-1], (10, 9, 500.0), rows[-1]]), 1, 10)
    clear = scores.clear
    assert (clear.false_negatives, clear.false_positives, clear.id_switches, clear.fragments) == (3, 1, 0, 1)
    assert clear.mota == pytest.approx(1 - 4 / 20)
    assert (clear.mostly_tracked, clear.partly_tracked, clear.mostly_lost) == (1, 1, 0)
    assert scores.identity.idf1 == pytest.approx(2 * 17 / (20 + 18))


def test_overlap_below_a_half_is_a_miss_and_a_false_alarm() -> None:
    shifted = replace(WALK, xyxy=WALK.xyxy + np.array([4, 0, 4, 0]))  # IoU 6/14
    scores = evaluate_tracking(WALK, shifted, 1, 10)
    assert scores.clear.mota == -1
    assert scores.hota.det_a == pytest.approx(8 / 19)  # .05 to .40 of the nineteen overlaps


def test_truth_marked_zero_is_left_out() -> None:
    marked = replace(WALK, confidence=np.array([1.0] * 5 + [0.0] * 5))
    assert evaluate_tracking(marked, WALK, 1, 10).boxes == 5


def test_frames_outside_of_the_range_are_left_out() -> None:
    scores = evaluate_tracking(WALK, WALK, 3, 6)
    assert (scores.frames, scores.boxes, scores.result_boxes) == (4, 4, 4)


@pytest.mark.parametrize(("truth", "results"), [([], WALK), (WALK, []), ([], [])])
def test_emptiness(truth: MotBoxes | list[object], results: MotBoxes | list[object]) -> None:
    scores = evaluate_tracking(truth or boxes([]), results or boxes([]), 1, 10)  # type: ignore[arg-type]
    assert scores.hota.hota == scores.identity.idf1 == 0
    assert scores.clear.mostly_lost == scores.objects


# --- against TrackEval ------------------------------------------------------------------------------------


def trackeval_scores(truth: MotBoxes, results: MotBoxes, first: int, last: int) -> dict[str, float]:
    """What TrackEval's metric classes say of the same boxes."""
    trackeval = pytest.importorskip("trackeval")
    truth = truth[truth.confidence.astype(int) != 0]
    truth, results = truth.between(first, last), results.between(first, last)
    truth_ids, truth_rows = np.unique(truth.id, return_inverse=True)
    result_ids, result_rows = np.unique(results.id, return_inverse=True)
    frames = range(first, last + 1)
    data = {
        "num_timesteps": len(frames),
        "num_gt_ids": len(truth_ids),
        "num_tracker_ids": len(result_ids),
        "num_gt_dets": len(truth),
        "num_tracker_dets": len(results),
        "gt_ids": [truth_rows[truth.frame == k] for k in frames],
        "tracker_ids": [result_rows[results.frame == k] for k in frames],
        "similarity_scores": [box_iou(truth.xyxy[truth.frame == k], results.xyxy[results.frame == k]) for k in frames],
    }
    quiet = {"PRINT_CONFIG": False}
    found: dict[str, float] = {}
    for metric in (
        trackeval.metrics.HOTA(),
        trackeval.metrics.CLEAR(quiet),
        trackeval.metrics.Identity(quiet),
    ):
        combined = metric.combine_sequences({"video": metric.eval_sequence(data)})  # as TrackEval prints it
        found |= {name: float(np.mean(value)) for name, value in combined.items()}
    return found


def assert_agreement(scores: TrackingScores, oracle: dict[str, float]) -> None:
    hota, clear, identity = scores.hota, scores.clear, scores.identity
    ours = {
        "HOTA": hota.hota,
        "DetA": hota.det_a,
        "AssA": hota.ass_a,
        "DetRe": hota.det_re,
        "DetPr": hota.det_pr,
        "AssRe": hota.ass_re,
        "AssPr": hota.ass_pr,
        "LocA": hota.loc_a,
        "MOTA": clear.mota,
        "MOTP": clear.motp,
        "CLR_Re": clear.recall,
        "CLR_Pr": clear.precision,
        "CLR_TP": clear.true_positives,
        "CLR_FN": clear.false_negatives,
        "CLR_FP": clear.false_positives,
        "IDSW": clear.id_switches,
        "Frag": clear.fragments,
        "MT": clear.mostly_tracked,
        "PT": clear.partly_tracked,
        "ML": clear.mostly_lost,
        "IDF1": identity.idf1,
        "IDP": identity.idp,
        "IDR": identity.idr,
        "IDTP": identity.true_positives,
        "IDFN": identity.false_negatives,
        "IDFP": identity.false_positives,
    }
    assert ours == pytest.approx({name: oracle[name] for name in ours}, abs=1e-9)


def random_sequence(seed: int) -> tuple[MotBoxes, MotBoxes]:
    """Objects on random walks, and results with misses, false alarms, jitter and swapped ids."""
    rng = np.random.default_rng(seed)
    frames, count = int(rng.integers(1, 40)), int(rng.integers(0, 8))
    truth: list[tuple[float, ...]] = []
    found: list[tuple[float, ...]] = []
    place, size = rng.uniform(0, 150, (count, 2)), rng.uniform(15, 40, (count, 2))
    number = np.arange(count)
    for k in range(1, frames + 1):
        place += rng.normal(0, 4, place.shape)
        if count > 1 and rng.random() < 0.15:
            i, j = rng.choice(count, 2, replace=False)
            number[[i, j]] = number[[j, i]]
        if rng.random() < 0.1:
            number = number + count
        if rng.random() < 0.1:
            continue
        for i in range(count):
            if rng.random() < 0.8:
                truth.append((k, i, *place[i], *size[i], float(rng.random() > 0.05)))
            if rng.random() < 0.75:
                jitter = rng.normal(0, rng.choice([0.5, 4]), 4)
                found.append((k, number[i], *(np.concatenate([place[i], size[i]]) + jitter), 0.5))
        if rng.random() < 0.3:
            found.append((k, 100_000, *rng.uniform(0, 150, 2), 20, 20, 0.5))

    def table(rows: list[tuple[float, ...]]) -> MotBoxes:
        array = np.array(rows, np.float64).reshape(-1, 7)
        corners = np.concatenate([array[:, 2:4], array[:, 2:4] + array[:, 4:6]], axis=1)
        return MotBoxes(array[:, 0].astype(int), array[:, 1].astype(int), corners, array[:, 6])

    return table(truth), table(found)


@pytest.mark.peer
@pytest.mark.parametrize("seed", range(200))
def test_random_sequences_agree_with_trackeval(seed: int) -> None:
    truth, results = random_sequence(seed)
    last = int(max([1, *truth.frame, *results.frame]))
    assert_agreement(evaluate_tracking(truth, results, 1, last), trackeval_scores(truth, results, 1, last))


@pytest.mark.peer
def test_published_results_agree_with_trackeval(shared_data: Path) -> None:
    folder = shared_data / "mot" / "TUD-Stadtmitte"
    truth, results = read_mot(folder / "gt.txt"), read_mot(folder / "example_tracker_result.txt")
    scores = evaluate_tracking(truth, results, 1, 179)
    assert_agreement(scores, trackeval_scores(truth, results, 1, 179))


def test_published_results_are_as_trackeval_has_measured_them(shared_data: Path) -> None:
    folder = shared_data / "mot" / "TUD-Stadtmitte"
    scores = evaluate_tracking(read_mot(folder / "gt.txt"), read_mot(folder / "example_tracker_result.txt"), 1, 179)
    golden = (scores.hota.hota, scores.hota.det_a, scores.hota.ass_a, scores.clear.mota, scores.clear.motp)
    assert golden == pytest.approx((0.39785, 0.39227, 0.40884, 0.56401, 0.65410), abs=1e-5)
    assert scores.identity.idf1 == pytest.approx(0.64462, abs=1e-5)
    assert (scores.clear.id_switches, scores.clear.fragments, scores.clear.mostly_tracked) == (7, 6, 5)
