#!/bin/sh
# What recipes/person.yaml learns from besides its labelled pictures, into runs/person-data:
# frames of videos with a teacher's boxes, people of the synthetic scene, raccoons as pictures without people.
#     WATCHPOST_TEST_DATA=/path/to/data sh recipes/person_data.sh
set -eu
cd "$(dirname "$0")/.."
data=${WATCHPOST_TEST_DATA:?names the folder with the videos and pictures}
watchpost=${WATCHPOST:-.venv/bin/watchpost}
python=${PYTHON:-.venv/bin/python}
out=runs/person-data
mkdir -p "$out"
"$watchpost" data harvest "$data/videos" --model "$data/models/yolox_nano/yolox_nano.onnx" \
    --classes person --every 1 --confidence 0.3 --output "$out/videos"
"$python" scripts/synthetic_dataset.py "$out/synthetic" --rooms 24 --frames 12
"$watchpost" data split "$data/raccoon" "$out/raccoon" --val 0.2 --seed 1
