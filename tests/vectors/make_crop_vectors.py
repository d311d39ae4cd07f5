#!/usr/bin/env python3
"""Write crops.safetensors: crops of a small image with labels, by Pillow.

    python tests/vectors/make_crop_vectors.py

in a virtual environment with numpy, pillow and safetensors. tests/apps/segmentation_crop_vectors_test.cpp
makes the same image by the same formula and the same crops by the same plans; every byte must be
Pillow's.

Both axes of a case grow or both shrink, as in a crop: where the height alone shrinks, Pillow 13
resizes columns before rows, older ones do not.

Of each crop: NAME.plan, int64 [scaled height, scaled width, crop's height, crop's width, top, left,
mirrored, order of brightness 0, contrast 1 and saturation 2]; NAME.factors, float32 [3], of these
three; NAME.pixels, uint8 [height, width, 3]; NAME.labels, uint8 [height, width].
"""
import itertools
import json
import os

import numpy as np
import PIL
from PIL import Image, ImageEnhance, ImageOps
from safetensors.numpy import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
HEIGHT, WIDTH = 37, 53
PAD_COLOUR, PAD_LABEL = (10, 20, 30), 255
ENHANCERS = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)


def make_image():
    """Bytes that differ much between neighbours, and labels in small blocks with void between."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    planes = [(7 * y * y + 5 * x * x + 3 * (c + 1) * x * y + 40 * c) % 256 for c in range(3)]
    labels = np.where((y + x) % 11 == 0, 255, (3 * (y // 5) + x // 7) % 5)
    return np.stack(planes, -1).astype(np.uint8), labels.astype(np.uint8)


def case(scaled=(HEIGHT, WIDTH), size=(HEIGHT, WIDTH), corner=(0, 0), factors=(1, 1, 1), order=(0, 1, 2),
         mirrored=0):
    return dict(scaled=scaled, size=size, corner=corner, factors=factors, order=order, mirrored=mirrored)


CASES = {
    "plain": case(),
    "enlarged_twice": case(scaled=(74, 106), size=(33, 41), corner=(20, 31)),
    "enlarged": case(scaled=(61, 97), size=(61, 97)),
    "shrunk_to_half": case(scaled=(18, 26), size=(11, 13), corner=(7, 13)),
    "shrunk_to_fifth": case(scaled=(7, 10), size=(7, 10)),
    "shrunk_a_little": case(scaled=(30, 41), size=(29, 23), corner=(1, 9)),
    "taller_alone": case(scaled=(50, WIDTH), size=(31, 37), corner=(19, 16)),
    "narrower_alone": case(scaled=(HEIGHT, 40), size=(19, 40), corner=(18, 0)),
    "padded_on_all_sides": case(scaled=(30, 41), size=(41, 47), corner=(-5, -3)),
    "padded_below_and_left": case(scaled=(46, 71), size=(55, 40), corner=(0, -8)),
    "mirrored": case(size=(20, 31), corner=(3, 5), mirrored=1),
    "brighter_by_half": case(factors=(1.5, 1, 1)),
    "darker": case(factors=(0.6180339, 1, 1)),
    "more_contrast": case(factors=(1, 1.4142135, 1)),
    "less_contrast": case(factors=(1, 0.5, 1)),
    "more_colour": case(factors=(1, 1, 1.3333333)),
    "less_colour": case(factors=(1, 1, 0.5123)),
    **{f"jittered_{a}{b}{c}": case(size=(17, 19), corner=(4, 6), factors=(1.31, 0.77, 1.23), order=(a, b, c))
       for a, b, c in itertools.permutations(range(3))},
    "all_at_once": case(scaled=(47, 67), size=(53, 59), corner=(-4, 6), factors=(0.9, 1.2, 0.7),
                        order=(2, 0, 1), mirrored=1),
}


def nearest(labels, scaled):
    """The pixel at floor((d + 1/2) size / scaled). Pillow adds up steps in double instead, which
    rounds where that is a whole number before it is floored: no case may be of such sizes."""
    rows, columns = ((2 * np.arange(n) + 1) * size // (2 * n) for size, n in zip(labels.shape, scaled))
    expected = labels[rows][:, columns]
    resized = np.asarray(Image.fromarray(labels).resize(scaled[::-1], Image.NEAREST))
    assert (resized == expected).all(), f"{labels.shape} to {scaled}: take sizes without ties"
    return Image.fromarray(resized)


def cut(image, corner, size, fill):
    """The window, also where it reaches beyond the image."""
    border = max(size) + 10
    top, left = (c + border for c in corner)
    return ImageOps.expand(image, border, fill).crop((left, top, left + size[1], top + size[0]))


def crop_of(pixels, labels, plan):
    image = Image.fromarray(pixels).resize(plan["scaled"][::-1], Image.BILINEAR)
    image = cut(image, plan["corner"], plan["size"], PAD_COLOUR)
    labels = cut(nearest(labels, plan["scaled"]), plan["corner"], plan["size"], PAD_LABEL)
    for quality in plan["order"]:
        image = ENHANCERS[quality](image).enhance(plan["factors"][quality])
    if plan["mirrored"]:
        image, labels = (i.transpose(Image.FLIP_LEFT_RIGHT) for i in (image, labels))
    return np.array(image), np.array(labels)


def main():
    tensors = {}
    for name, plan in CASES.items():
        numbers = [*plan["scaled"], *plan["size"], *plan["corner"], plan["mirrored"], *plan["order"]]
        tensors[f"{name}.plan"] = np.array(numbers, np.int64)
        tensors[f"{name}.factors"] = np.array(plan["factors"], np.float32)
        tensors[f"{name}.pixels"], tensors[f"{name}.labels"] = crop_of(*make_image(), plan)
    path = os.path.join(HERE, "crops.safetensors")
    about = dict(pillow=PIL.__version__, command="python tests/vectors/make_crop_vectors.py")
    save_file(tensors, path, metadata={"vectors": json.dumps(about, sort_keys=True)})
    print(f"wrote {path}: {len(CASES)} crops, {os.path.getsize(path) / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
