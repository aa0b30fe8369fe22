"""Recipes: what may be written, and what is said about what may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchpost.errors import ConfigError
from watchpost.training.recipe import Classic, as_yaml, load_recipe

GOOD = """\
name: street
data:
  train:
    - path: ${DATA}/train
    - path: more
      repeat: 0.5
  val:
    - path: val
epochs: 3
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "r.yaml"
    path.write_text(text)
    return path


def test_a_recipe_and_where_its_paths_lead(tmp_path: Path):
    recipe = load_recipe(written(tmp_path, GOOD), {"DATA": "/data"})
    assert [each.path for each in recipe.data.train] == [Path("/data/train"), tmp_path / "more"]
    assert recipe.data.val[0].path == tmp_path / "val"
    assert recipe.input.spec.size == (384, 384)


def test_pretrained_weights_in_a_file_are_relative_to_the_recipe_too(tmp_path: Path):
    for pretrained, expected in (("coco", "coco"), ("w.pt", str(tmp_path / "w.pt"))):
        text = GOOD + f"model: {{family: fcos, pretrained: {pretrained}}}\n"
        recipe = load_recipe(written(tmp_path, text), {"DATA": "/data"})
        assert isinstance(recipe.model, Classic)
        assert recipe.model.pretrained == expected


def test_what_is_written_reads_the_same(tmp_path: Path):
    recipe = load_recipe(written(tmp_path, GOOD), {"DATA": "/data"})
    assert load_recipe(written(tmp_path, as_yaml(recipe)), {}) == recipe


BAD = {
    "epochs: 0": (r"r\.yaml:9: epochs: .*greater than or equal to 1", "epochs: 3"),
    "epoch: 3": (r"r\.yaml:9: epoch: there is no such setting; did you mean 'epochs'", "epochs: 3"),
    "repeat: 0": (r"r\.yaml:6: data\.train\.1\.repeat: ", "repeat: 0.5"),
    "repeats: 1": (r"r\.yaml:6: .*did you mean 'repeat'", "repeat: 0.5"),
    "input: {width: 100}": (r"r\.yaml:9: input\.width: .*multiple of 32", "epochs: 3"),
    "model: {strides: [8, 32]}": (r"r\.yaml:9: model: strides: expected", "epochs: 3"),
    "freeze: [head]": (r"r\.yaml:9: freeze: there is no 'head'", "epochs: 3"),
    "augment: {flip: 2}": (r"r\.yaml:9: augment\.flip: ", "epochs: 3"),
    "augment: {scale: [2, 1]}": (r"r\.yaml:9: augment\.scale: ", "epochs: 3"),
    "      labels: teacher": (r"labels: teacher needs a teacher", "      repeat: 0.5"),
    "- [": (r"r\.yaml:9: ", "epochs: 3"),
}


@pytest.mark.parametrize("wrong", BAD)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, wrong: str):
    message, right = BAD[wrong]
    assert right in GOOD
    with pytest.raises(ConfigError, match=message):
        load_recipe(written(tmp_path, GOOD.replace(right, wrong)), {"DATA": "/data"})


def test_files_that_are_no_recipes(tmp_path: Path):
    with pytest.raises(ConfigError, match="can not be read"):
        load_recipe(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="no recipe"):
        load_recipe(written(tmp_path, "- 1"))
    with pytest.raises(ConfigError, match="DATA is not set"):
        load_recipe(written(tmp_path, GOOD), {})


def test_a_classic_is_a_model_too(tmp_path: Path):
    text = GOOD + "model: {family: ssd300, backbone: resnet18}\n"
    recipe = load_recipe(written(tmp_path, text), {"DATA": "/data"})
    assert recipe.model == Classic(family="ssd300", backbone="resnet18")
    with pytest.raises(ConfigError, match=r"r\.yaml:10: model\.depth: there is no such setting"):
        load_recipe(written(tmp_path, GOOD + "model: {family: ssd300, depth: 1}\n"), {"DATA": "/data"})


def test_the_recipes_that_come_along_are_valid():
    folder = Path(__file__).parents[2] / "recipes"
    found = list(folder.glob("*.yaml"))
    assert found
    for path in found:
        assert "/work" not in path.read_text()
        load_recipe(path, {"WATCHPOST_TEST_DATA": "/data"})
