"""torchvision's operators in Python, for test machines whose torchvision does not match their torch.

PyPI's torchvision is a CUDA build: beside a CPU build of torch its compiled operators do not load and its import
fails. Users have matching builds; here the two operators that detectors need are declared before the import.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings

import torch
from torch import Tensor
from torch.nn import functional


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Indices of the boxes (N, 4) that no better one overlaps by more than `iou_threshold`, best first."""
    order = scores.argsort(descending=True, stable=True)
    boxes = boxes.detach()[order].double()
    overlap = torch.minimum(boxes[:, None, 2:], boxes[:, 2:]) - torch.maximum(boxes[:, None, :2], boxes[:, :2])
    overlap = overlap.clamp(min=0).prod(-1)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(-1)
    too_near = (overlap > iou_threshold * (area[:, None] + area - overlap)).numpy()
    dropped = torch.zeros(len(boxes), dtype=torch.bool).numpy()
    kept = []
    for index in range(len(boxes)):
        if not dropped[index]:
            kept.append(index)
            dropped |= too_near[index]
    return order[torch.tensor(kept, dtype=torch.int64)]


def roi_align(
    features: Tensor, rois: Tensor, scale: float, height: int, width: int, samples: int, aligned: bool
) -> Tensor:
    """Mask R-CNN's RoIAlign (He et al. 2017, section 3), by `grid_sample`.

    Without a number of `samples` a bin's side, it takes what the largest region needs for all of them, where
    torchvision chooses for each region.

    `features` (B, C, H, W) and `rois` (N, 5: picture, left, top, right, bottom) to (N, C, height, width).
    """
    given, features, rois = features.dtype, features.float(), rois.float()  # as the compiled one under autocast
    corners = rois[:, 1:] * scale - (0.5 if aligned else 0.0)
    sizes = corners[:, 2:] - corners[:, :2]
    if not aligned:
        sizes = sizes.clamp(min=1.0)
    if samples <= 0:
        most = (sizes / sizes.new_tensor([width, height])).max() if len(rois) else sizes.new_ones(())
        samples = max(1, int(most.ceil()))

    def positions(axis: int, cells: int) -> Tensor:
        steps = (torch.arange(cells * samples, dtype=rois.dtype) + 0.5) / (cells * samples)
        pixels = (corners[:, axis, None] + steps * sizes[:, axis, None]).clamp(0, features.shape[3 - axis] - 1)
        return (2 * pixels + 1) / features.shape[3 - axis] - 1

    xs, ys = positions(0, width), positions(1, height)
    grid = torch.stack(torch.broadcast_tensors(xs[:, None, :], ys[:, :, None]), -1)
    pooled = features.new_zeros(len(rois), features.shape[1], height, width)
    for picture in range(len(features)):
        chosen = (rois[:, 0] == picture).nonzero()[:, 0]
        flat = grid[chosen].flatten(0, 1)[None]
        sampled = functional.grid_sample(features[picture : picture + 1], flat, align_corners=False)
        sampled = sampled[0].unflatten(1, (len(chosen), height, samples)).unflatten(-1, (width, samples))
        pooled = pooled.index_add(0, chosen, sampled.mean((3, 5)).transpose(0, 1))
    return pooled.to(given)


def _declare() -> torch.library.Library:
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define(
        "roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width, "
        "int sampling_ratio, bool aligned) -> Tensor"
    )
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # the import asks for its name
    library.impl("nms", nms, "CPU")
    library.impl("roi_align", roi_align, "CompositeImplicitAutograd")
    return library


_declared: list[torch.library.Library] = []  # a library's operators live as long as it does


def torchvision_or_reason() -> str:
    """Make `import torchvision` work; why it can not, or an empty string."""
    if importlib.util.find_spec("torchvision") is None:
        return "torchvision is not installed: pip install --no-deps torchvision==0.28.0 pillow"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            importlib.import_module("torchvision")
        except RuntimeError as error:
            if "operator torchvision::nms does not exist" not in str(error):
                return f"torchvision can not be imported: {error}"
            for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
                del sys.modules[name]
            _declared.append(_declare())
            importlib.import_module("torchvision")
            # They ask for the compiled library, which is not there.
            for module in ("torchvision.ops.boxes", "torchvision.ops.roi_align"):
                vars(sys.modules[module])["_assert_has_ops"] = lambda: None
            vars(sys.modules["torchvision.ops.roi_align"])["_has_ops"] = lambda: True
    return ""
