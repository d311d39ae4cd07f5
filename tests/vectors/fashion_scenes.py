#!/usr/bin/env python3
"""Composes fashion-scenes a second time, in plain Python integers, and prints the SHA-256 of what comes out:

    python tests/vectors/fashion_scenes.py                     four scenes of made-up garments, either split
    python tests/vectors/fashion_scenes.py IMAGES LABELS SPLIT COUNT    of Fashion-MNIST's idx files (.gz), SPLIT train or test

tests/apps/fashion_scenes_test.cpp holds the engine to these numbers.
"""
import gzip
import hashlib
import sys

SIDE, MASK = 96, 0xFFFFFFFF
SEED, PURPOSE = 20240223, 70


def philox(key, counter):
    """Philox 4x32-10 of Salmon et al. 2011."""
    a, b, c, d = counter
    k0, k1 = key & MASK, key >> 32
    for _ in range(10):
        p, q = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = q >> 32 ^ b ^ k0, q & MASK, p >> 32 ^ d ^ k1, p & MASK
        k0, k1 = k0 + 0x9E3779B9 & MASK, k1 + 0xBB67AE85 & MASK
    return a, b, c, d


def below(word, n):
    return word * n >> 32


def colour(word):
    return [word >> 8 * k & 255 for k in range(3)]


def silhouette(grey):
    """Whether each of 30 x 30 pixels is within the garment's outline."""
    dark = [[not (1 <= y <= 28 and 1 <= x <= 28) or grey[28 * (y - 1) + x - 1] < 16 for x in range(30)]
            for y in range(30)]
    outside, queue = {(0, 0)}, [(0, 0)]
    while queue:
        y, x = queue.pop()
        for place in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if 0 <= min(place) and max(place) < 30 and place not in outside and dark[place[0]][place[1]]:
                outside.add(place)
                queue.append(place)
    return [[(y, x) not in outside for x in range(30)] for y in range(30)]


def resampled(plane, side):
    def axis(d):
        f = (2 * d + 1) * 28 * 32768 // side - 32768 + 65536
        return f >> 16, min((f >> 16) + 1, 29), f >> 8 & 255

    def value(y, x):
        (y0, y1, v), (x0, x1, u) = axis(y), axis(x)
        upper = plane[y0][x0] * (256 - u) + plane[y0][x1] * u
        lower = plane[y1][x0] * (256 - u) + plane[y1][x1] * u
        return upper * (256 - v) + lower * v + 32768 >> 16

    return [[value(y, x) for x in range(side)] for y in range(side)]


def texture(words, y, x):
    octaves = []
    for octave, cell in enumerate((32, 16, 8)):
        n, (i, u), (j, v) = SIDE // cell + 1, divmod(x, cell), divmod(y, cell)
        at = [[words(256 + 256 * octave + (j + dj) * n + i + di)[0] & 255 for di in (0, 1)] for dj in (0, 1)]
        u, v = 256 * u // cell, 256 * v // cell
        octaves.append((at[0][0] * (256 - v) + at[1][0] * v) * (256 - u) + (at[0][1] * (256 - v) + at[1][1] * v) * u >> 16)
    return (4 * octaves[0] + 2 * octaves[1] + octaves[2]) // 7


def paint(words, number, garments, classes, pixels, labels):
    where, how = words(16 + 2 * number), words(17 + 2 * number)
    source, side = below(where[0], len(garments)), 40 + below(where[1], 33)
    left, top = (below(w, 97 - 3 * side // 4) - side // 8 for w in where[2:])
    tint = [128 + (byte & 127) for byte in colour(how[0])]
    grey, inside = garments[source], silhouette(garments[source])
    clamp = [min(max(i - 1, 0), 27) for i in range(30)]
    greys = resampled([[grey[28 * y + x] for x in clamp] for y in clamp], side)
    alphas = resampled([[255 * bit for bit in row] for row in inside], side)
    for y in range(max(0, -top), min(side, SIDE - top)):
        for x in range(max(0, -left), min(side, SIDE - left)):
            from_x = side - 1 - x if how[1] & 1 else x
            value, alpha = greys[y][from_x], alphas[y][from_x]
            at = SIDE * (top + y) + left + x
            for k in range(3):
                shade = tint[k] * (value + 64) // 319
                pixels[3 * at + k] = (pixels[3 * at + k] * (255 - alpha) + shade * alpha + 127) // 255
            if alpha >= 64:
                labels[at] = 1 + classes[source] if alpha > 191 else 255


def compose(scene, split, garments, classes):
    """Pixels [96, 96, 3] and labels [96, 96], as lists."""
    known = {}

    def words(element):
        if element not in known:
            known[element] = philox(SEED, (element, scene, ("train", "test").index(split), PURPOSE))
        return known[element]

    layout = words(0)
    c0, c1 = ([byte // 2 for byte in colour(word)] for word in layout[1:3])
    pixels, labels = [], [0] * SIDE * SIDE
    for y in range(SIDE):
        for x in range(SIDE):
            t = texture(words, y, x)
            pixels += [(a * (255 - t) + b * t) // 255 for a, b in zip(c0, c1)]
    for number in range(2 + below(layout[0], 3)):
        paint(words, number, garments, classes, pixels, labels)
    for at in range(SIDE * SIDE):
        for k, word in enumerate(words(4096 + at)[:3]):
            pixels[3 * at + k] = min(max(pixels[3 * at + k] + below(word, 17) - 8, 0), 255)
    return pixels, labels


def made_up():
    """Seven garments: a disc, which grows, around a dark hole, on a ground that is not quite black."""
    def pixel(n, y, x):
        distance = (2 * y - 27) ** 2 + (2 * x - 27 - n) ** 2
        return 16 + (31 * n + 5 * y + 3 * x) % 240 if 10 * n < distance < 100 + 90 * n else (y * x + n) % 16

    return [[pixel(n, y, x) for y in range(28) for x in range(28)] for n in range(7)], [3 * n % 10 for n in range(7)]


def read(images, labels):
    with gzip.open(images) as file:
        data = file.read()[16:]
    with gzip.open(labels) as file:
        return [data[at:at + 784] for at in range(0, len(data), 784)], list(file.read()[8:])


def main():
    given = len(sys.argv) > 1
    garments, classes = read(*sys.argv[1:3]) if given else made_up()
    for split in (sys.argv[3:4] if given else ("train", "test")):
        scenes = [compose(i, split, garments, classes) for i in range(int(sys.argv[4]) if given else 4)]
        for what, parts in zip(("pixels", "labels"), zip(*scenes)):
            print(split, what, hashlib.sha256(b"".join(map(bytes, parts))).hexdigest())


if __name__ == "__main__":
    main()
