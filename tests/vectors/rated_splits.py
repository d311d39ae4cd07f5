#!/usr/bin/env python3
"""Print kRatedParts of apps/data/rotten_tomatoes.cpp: into which split each rated snippet goes.

    python3 tests/vectors/rated_splits.py RT-POLARITYDATA movieReviewSnippets_GroundTruth.txt

The rated file holds the sentences of rt-polarity.pos and .neg nearly in their order, with other
capitals, spaces and hyphens. A sentence is found by its letters and digits; the few that differ in
more, by the words that they share. Each goes where the published split of rotten-tomatoes has it.
Python's standard library is enough; rt-polarity in Latin-1 or UTF-8.
"""
import collections
import html
import itertools
import pathlib
import re
import sys

SPLITS = ("train", "validation", "test")


def key(text):
    return re.sub(r"[^a-z0-9]+", "", html.unescape(text.replace("\\", "")).lower())


def words(text):
    return set(re.findall(r"[a-z]+", html.unescape(text).lower()))


def published_sentences(folder):
    """(sentence, its split) of both files."""
    for name in ("rt-polarity.pos", "rt-polarity.neg"):
        data = (pathlib.Path(folder) / name).read_bytes()
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
        lines = text.split("\n")[:-1]
        first, second = int(0.8 * len(lines) + 0.5), int(0.9 * len(lines) + 0.5)
        for i, line in enumerate(lines):
            yield line.strip(), SPLITS[(i >= first) + (i >= second)]


def closest(text, sentences):
    """The split of the sentence with the largest share of words in common."""
    own = words(text)
    share, split = max((len(own & theirs) / len(own | theirs), split) for theirs, split in sentences)
    assert share > 0.4, f"no sentence is like {text!r}"
    return split


def main(folder, rated):
    sentences = list(published_sentences(folder))
    split_of = collections.defaultdict(set)
    for sentence, split in sentences:
        split_of[key(sentence)].add(split)
    bags = [(words(sentence), split) for sentence, split in sentences]
    splits = []
    for line in pathlib.Path(rated).read_text("utf-8").split("\n"):
        text = line.split("\t")[2]
        found = split_of.get(key(text)) or {closest(text, bags)}
        assert len(found) == 1, f"two splits have {text!r}"
        splits.append(found.pop())
    ends = []  # of train, validation, test, train, ...
    last = 0
    for split, lines in itertools.groupby(splits):
        while SPLITS[len(ends) % 3] != split:
            ends.append(last)
        last += len(list(lines))
        ends.append(last)
    ends += [last] * (-len(ends) % 3)
    for part in range(0, len(ends), 3):
        print("{%d, %d, %d}," % tuple(ends[part:part + 3]))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
