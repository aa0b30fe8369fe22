"""Pictures of the synthetic scene with their boxes, as a COCO data set: python scripts/synthetic_dataset.py FOLDER

Each room is another site with its own people; every third one is seen by night. People of whom less than a quarter is
to be seen are marked as crowds: they are neither learned nor counted as background.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
from rich.progress import track

from watchpost.scene.options import SceneOptions
from watchpost.scene.scene import Scene
from watchpost.scene.truth import TruthBox, write_coco

FIRST_SEED = 1000
"""The demo's and the tests' scenes have small seeds: none of them is learned from."""
SECONDS_APART = 4
SIZE = (640, 360)
LEAST_VISIBILITY = 0.25


def main() -> None:
    """Do it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a new folder")
    parser.add_argument("--rooms", type=int, default=24)
    parser.add_argument("--frames", type=int, default=12, help="pictures of each room")
    arguments = parser.parse_args()
    images = arguments.folder / "images"
    images.mkdir(parents=True)
    pictures: list[tuple[str, list[TruthBox]]] = []
    for room in track(range(arguments.rooms), "synthetic rooms"):
        options = SceneOptions(seed=FIRST_SEED + room, width=SIZE[0], height=SIZE[1], night=room % 3 == 2, activity=0.9)
        scene = Scene(options)
        for number in range(arguments.frames):
            bgr, people = scene.frame((number + 1) * SECONDS_APART * options.fps)
            name = f"room{room:02d}_{number:03d}.jpg"
            cv2.imwrite(str(images / name), bgr, [cv2.IMWRITE_JPEG_QUALITY, 85])
            pictures.append((name, people))
    write_coco(arguments.folder / "annotations.json", pictures, SIZE, min_visibility=LEAST_VISIBILITY)
    print(f"{len(pictures)} pictures in {arguments.folder}")


if __name__ == "__main__":
    main()
