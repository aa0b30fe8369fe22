"""The metrics of tracking: HOTA, CLEAR MOT and Identity, after their papers, in the form TrackEval computes.

- HOTA: Luiten et al. 2020, "HOTA: A Higher Order Metric for Evaluating Multi-object Tracking".
- CLEAR MOT: Bernardin and Stiefelhagen 2008; mostly tracked and lost: Li et al. 2009.
- Identity (IDF1): Ristani et al. 2016.

Objects match by the overlap (IoU) of their boxes: at 0.5 for CLEAR and Identity, at .05, .10 ... .95 for HOTA.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import lap
import numpy as np
from numpy.typing import NDArray

from watchpost.datasets.mot_text import MotBoxes
from watchpost.geometry import box_iou

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

ALPHAS: Final = np.arange(1, 20) * 0.05
"""The overlaps at which HOTA is averaged (section 5.5 of the paper)."""
MATCH_IOU: Final = 0.5
"""The overlap at which CLEAR and Identity take a box for the object."""
_EPSILON: Final = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class Hota:
    """Means over all overlaps, 0-1."""

    hota: float
    """Square root of DetA x AssA, at each overlap."""
    det_a: float
    """Detection accuracy: TP / (TP + FN + FP)."""
    ass_a: float
    """Association accuracy."""
    det_re: float
    det_pr: float
    ass_re: float
    ass_pr: float
    loc_a: float
    """Overlap of the matched boxes."""


@dataclass(frozen=True, slots=True)
class Clear:
    """CLEAR MOT at `MATCH_IOU`."""

    mota: float
    """1 - (misses + false alarms + switches) / objects; below 0 where they outnumber the objects."""
    motp: float
    """Mean overlap of the matched boxes, 0-1."""
    recall: float
    precision: float
    true_positives: int
    false_negatives: int
    false_positives: int
    id_switches: int
    fragments: int
    """How often an object's track is interrupted."""
    mostly_tracked: int
    """Objects that are found in more than 80 % of their frames."""
    partly_tracked: int
    mostly_lost: int
    """Objects that are found in less than 20 % of their frames."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Identity metrics at `MATCH_IOU`, 0-1: one result track may speak for one object only."""

    idf1: float
    idp: float
    idr: float
    true_positives: int
    false_negatives: int
    false_positives: int


@dataclass(frozen=True, slots=True)
class TrackingScores:
    """All metrics of one video."""

    hota: Hota
    clear: Clear
    identity: Identity
    frames: int
    objects: int
    """Different ids in the ground truth."""
    boxes: int
    """Boxes in the ground truth."""
    result_tracks: int
    result_boxes: int


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    truth: Ints
    """(N,): objects as rows 0, 1, 2 ... of the sequence."""
    found: Ints
    """(M,): result tracks, likewise."""
    overlap: NDArray[np.floating]
    """(N, M): IoU."""


def evaluate_tracking(truth: MotBoxes, results: MotBoxes, first: int, last: int) -> TrackingScores:
    """Compare results with the ground truth over the frames `first` to `last`, both included.

    Ground truth whose confidence is 0 (below 1 and not negative) is marked as not to be evaluated and left
    out, as in MOTChallenge 2015. Classes are not looked at, so there are no distractors to be removed.
    """
    truth = truth.between(first, last)
    truth = truth[truth.confidence.astype(np.int64) != 0]
    results = results.between(first, last)
    truth_ids, truth_rows = np.unique(truth.id, return_inverse=True)
    result_ids, result_rows = np.unique(results.id, return_inverse=True)
    edges = np.arange(first, last + 2)
    truth_edges = np.searchsorted(truth.frame, edges)
    result_edges = np.searchsorted(results.frame, edges)
    frames = []
    for k in range(len(edges) - 1):
        a, b = slice(*truth_edges[k : k + 2]), slice(*result_edges[k : k + 2])
        frames.append(_Frame(truth_rows[a], result_rows[b], box_iou(truth.xyxy[a], results.xyxy[b])))
    truth_count = np.bincount(truth_rows, minlength=len(truth_ids)).astype(np.float64)
    result_count = np.bincount(result_rows, minlength=len(result_ids)).astype(np.float64)
    return TrackingScores(
        hota=_hota(frames, truth_count, result_count),
        clear=_clear(frames, truth_count, len(results)),
        identity=_identity(frames, truth_count, result_count),
        frames=len(frames),
        objects=len(truth_ids),
        boxes=len(truth),
        result_tracks=len(result_ids),
        result_boxes=len(results),
    )


def _best_pairs(score: NDArray[np.floating]) -> tuple[Ints, Ints]:
    """Rows and columns of the one-to-one pairs with the greatest total score."""
    if score.size == 0:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    _, columns, _ = lap.lapjv(score.max() - score, extend_cost=True)
    rows = np.flatnonzero(columns >= 0)
    return rows, columns[rows].astype(np.intp)


def _hota(frames: Sequence[_Frame], truth_count: Floats, result_count: Floats) -> Hota:
    """Section 5 of the paper. `truth_count` (G,) and `result_count` (T,) are boxes by object and by track."""
    total = truth_count[:, None] + result_count
    alike = np.zeros_like(total)
    for frame in frames:  # how well each pair agrees over the whole video, before anything is matched
        s = frame.overlap
        union = s.sum(0) + s.sum(1)[:, None] - s
        alike[np.ix_(frame.truth, frame.found)] += np.divide(s, union, out=np.zeros_like(s), where=union > _EPSILON)
    alignment = alike / (total - alike)

    matches = np.zeros((len(ALPHAS), *total.shape))
    overlap_sum = np.zeros(len(ALPHAS))
    for frame in frames:
        rows, columns = _best_pairs(alignment[np.ix_(frame.truth, frame.found)] * frame.overlap)
        overlap = frame.overlap[rows, columns]
        hit = overlap >= ALPHAS[:, None] - _EPSILON
        matches[:, frame.truth[rows], frame.found[columns]] += hit
        overlap_sum += (hit * overlap).sum(1)

    true_positives = matches.sum((1, 2))
    at_least_one = np.maximum(1, true_positives)
    truth_total, result_total = truth_count.sum(), result_count.sum()
    det_a = true_positives / np.maximum(1, truth_total + result_total - true_positives)
    ass_a = (matches * matches / np.maximum(1, total - matches)).sum((1, 2)) / at_least_one
    ass_re = (matches * matches / truth_count[:, None]).sum((1, 2)) / at_least_one
    ass_pr = (matches * matches / result_count).sum((1, 2)) / at_least_one
    loc_a = np.maximum(1e-10, overlap_sum) / np.maximum(1e-10, true_positives)
    return Hota(
        hota=float(np.sqrt(det_a * ass_a).mean()),
        det_a=float(det_a.mean()),
        ass_a=float(ass_a.mean()),
        det_re=float((true_positives / max(1.0, truth_total)).mean()),
        det_pr=float((true_positives / max(1.0, result_total)).mean()),
        ass_re=float(ass_re.mean()),
        ass_pr=float(ass_pr.mean()),
        loc_a=float(loc_a.mean()),
    )


def _clear(frames: Sequence[_Frame], truth_count: Floats, result_boxes: int) -> Clear:
    """Matches of the frame before are kept where they still hold; then overlap decides."""
    objects = len(truth_count)
    last_track = np.full(objects, -1)
    """The track that last matched each object, however long ago: another one is a switch."""
    running_track = np.full(objects, -1)
    """The track that matched it in the frame before: to be continued."""
    found_count, runs = np.zeros(objects), np.zeros(objects)
    switches, overlap_sum = 0, 0.0
    for frame in frames:
        if frame.overlap.size == 0:  # TrackEval lets runs go on over frames without objects or results
            continue
        continues = running_track[frame.truth][:, None] == frame.found
        score = np.where(frame.overlap >= MATCH_IOU - _EPSILON, 1000.0 * continues + frame.overlap, 0.0)
        rows, columns = _best_pairs(score)
        hit = score[rows, columns] > _EPSILON
        rows, columns = rows[hit], columns[hit]
        truth, found = frame.truth[rows], frame.found[columns]
        switches += int(np.count_nonzero((last_track[truth] >= 0) & (last_track[truth] != found)))
        found_count[truth] += 1
        runs[truth] += running_track[truth] < 0
        last_track[truth] = found
        running_track[:] = -1
        running_track[truth] = found
        overlap_sum += float(frame.overlap[rows, columns].sum())
    true_positives, boxes = int(found_count.sum()), int(truth_count.sum())
    false_positives = result_boxes - true_positives
    ratio = found_count / truth_count
    mostly_tracked = int(np.count_nonzero(ratio > 0.8))
    mostly_lost = int(np.count_nonzero(ratio < 0.2))
    return Clear(
        mota=(true_positives - false_positives - switches) / max(1, boxes),
        motp=overlap_sum / max(1, true_positives),
        recall=true_positives / max(1, boxes),
        precision=true_positives / max(1, result_boxes),
        true_positives=true_positives,
        false_negatives=boxes - true_positives,
        false_positives=false_positives,
        id_switches=switches,
        fragments=int(np.maximum(runs - 1, 0).sum()),
        mostly_tracked=mostly_tracked,
        partly_tracked=objects - mostly_tracked - mostly_lost,
        mostly_lost=mostly_lost,
    )


def _identity(frames: Sequence[_Frame], truth_count: Floats, result_count: Floats) -> Identity:
    """The one-to-one assignment of tracks to objects over the whole video that explains most boxes."""
    together = np.zeros((len(truth_count), len(result_count)))
    for frame in frames:
        together[np.ix_(frame.truth, frame.found)] += frame.overlap >= MATCH_IOU
    true_positives = int(together[_best_pairs(together)].sum())
    boxes, result_boxes = int(truth_count.sum()), int(result_count.sum())
    return Identity(
        idf1=2 * true_positives / max(1, boxes + result_boxes),
        idp=true_positives / max(1, result_boxes),
        idr=true_positives / max(1, boxes),
        true_positives=true_positives,
        false_negatives=boxes - true_positives,
        false_positives=result_boxes - true_positives,
    )
