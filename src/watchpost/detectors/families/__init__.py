"""How a network's numbers become boxes: one file a family, one class a layout, pure NumPy.

A new family is a class with a `family` name, its settings, `needs_nms` and `decode`, added to the union below.
"""

from typing import Annotated

from pydantic import Field

from watchpost.detectors.families.detr import Detr
from watchpost.detectors.families.fastestdet import FastestDet
from watchpost.detectors.families.ssd import Ssd
from watchpost.detectors.families.yolo import YoloColumns, YoloRows
from watchpost.detectors.families.yolox import Yolox

Family = Annotated[
    Yolox | YoloColumns | YoloRows | FastestDet | Ssd | Detr,
    Field(discriminator="family"),
]
"""What a card's `decode` section may be; its `family` says which."""
