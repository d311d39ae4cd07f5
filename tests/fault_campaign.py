#!/usr/bin/env python3
"""Runs programs with too little memory, too few threads and files that may not grow, and looks how
they end: with exit 0, or with exit 1 and one line, and no half of a file.

    tests/fault_campaign.py build/bin                 shortened, as `make test` runs it
    tests/fault_campaign.py build/bin --limits 200    by hand

Needs Python's standard library alone. Exit 1 where a program ends otherwise; the folders are then
kept.
"""
import argparse
import bisect
import functools
import itertools
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile

import campaign_texts
import kill_campaign

MEBIBYTE = 1 << 20


def name_of(command):
    """What its errors begin with: "saddle-train", "saddle-text attack"."""
    return " ".join(itertools.takewhile(lambda word: not word.startswith("-"), command))


def limited(limits):
    def apply():
        for which, value in limits.items():
            resource.setrlimit(which, (value, value))
    return apply


class Campaign:
    def __init__(self, programs, work):
        self.programs, self.work = programs, work
        self.runs = self.wrong = 0

    def run(self, command, limits, threads):
        """Exit status and stderr of a run in an empty folder."""
        self.place = os.path.join(self.work, f"run-{self.runs}")
        self.runs += 1
        os.makedirs(self.place)
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), XDG_CACHE_HOME=self.work)
        line = [os.path.join(self.programs, command[0])] + command[1:]
        done = subprocess.run(line, cwd=self.place, env=environment, preexec_fn=limited(limits),
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=300)
        return done.returncode, done.stderr.decode(errors="replace")

    def leftovers(self):
        return [name for _, _, names in os.walk(self.place) for name in names if ".tmp-" in name]

    def expect(self, what, command, limits, threads=3, statuses=(0, 1)):
        status, errors = self.run(command, limits, threads)
        lines = [line for line in errors.splitlines() if ": warning: " not in line]
        prefix = name_of(command) + ": error: "
        if "Cannot load symbol cudnn" in errors:
            fault = None  # cuDNN loads its parts when they are first called, and aborts where it cannot
        elif status not in statuses:
            fault = f"ends with {status}"
        elif status == 0:
            fault = None
        elif len(lines) != 1 or not lines[0].startswith(prefix):
            fault = f"says {errors[:500]!r}, expected one line that begins with {prefix!r}"
        elif "diverged" in errors:
            fault = f"blames the training: {errors!r}"
        else:
            fault = None
        if self.leftovers():
            fault = f"leaves {self.leftovers()}"
        if fault:
            self.wrong += 1
            print(f"{name_of(command)} with {what}: {fault} ({self.place}) {errors[:300]!r}", flush=True)
        else:
            shutil.rmtree(self.place)
        return status

    def lives(self, command, mebibytes):
        return self.run(command, {resource.RLIMIT_AS: mebibytes * MEBIBYTE}, 3)[0] == 0

    @functools.cache
    def least(self, program):
        """MiB in which a program's libraries can be loaded: with less they end it before it begins."""
        sizes = range(8, 64 << 10, 8)
        return sizes[bisect.bisect_left(sizes, True, key=lambda size: self.lives([program, "--version"], size))] + 8

    def starve(self, command, count, draw):
        """Address spaces from what loads the program to what suffices."""
        least = self.least(command[0])
        low, enough = least, least + 16
        while not self.lives(command, enough):
            low, enough = enough, least + (enough - least) * 2
            if enough > 64 << 10:
                raise SystemExit(f"fault_campaign: {name_of(command)} fails with 64 GiB, too: see {self.place}")
        for i in range(count):  # most of them in the last doubling, where the work has begun
            size = draw.randrange(low if i % 4 else least, enough) * MEBIBYTE + 4096 * draw.randrange(256)
            self.expect(f"{size} bytes of memory", command, {resource.RLIMIT_AS: size})

    def stunt(self, command, count, draw):
        """Files of at most so many bytes."""
        for i in range(count):
            size = [0, 1, 100][i] if i < 3 else draw.randrange(100_000)
            self.expect(f"files of {size} bytes", command, {resource.RLIMIT_FSIZE: size})


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("programs", help="folder of saddle-train and the others")
    options.add_argument("--limits", type=int, default=8, metavar="N", help="of a kind for each program [default: 8]")
    options.add_argument("--seed", type=int, default=1, metavar="N", help="of the limits")
    given = options.parse_args()
    draw = random.Random(given.seed)
    work = tempfile.mkdtemp(prefix="saddle-faults-")
    campaign = Campaign(os.path.abspath(given.programs), work)
    images = os.path.join(work, "images")
    kill_campaign.make_images(images, draw)
    data = ["--dataset", "image-folder", "--data-dir", images, "--quiet", "--no-cache"]
    train = ["saddle-train", *data, "--model", "preact_resnet10", "--width", "16", "--batch-size", "30",
             "--epochs", "1", "--output", "run"]
    campaign.run(train, {}, 1)
    victim = os.path.join(campaign.place, "run", "last.safetensors")
    attack = ["saddle-attack", *data, "--checkpoint", victim, "--json", "result.json", "--csv", "result.csv",
              "--save-adversarial", "images.safetensors", "--attack", "fgsm", "--attack", "square:queries=20"]
    texts = os.path.join(work, "texts")
    campaign_texts.make_texts(texts, draw)
    train_texts = campaign_texts.train(texts, "--epochs", "3")
    campaign.run(train_texts, {}, 1)
    attack_texts = campaign_texts.attack(texts, campaign.place, "--test-limit", "3")
    for command in (train, attack, train_texts, attack_texts):
        campaign.starve(command, given.limits, draw)
        campaign.stunt(command, given.limits, draw)
        campaign.expect("a million threads", command, {}, threads=1_000_000, statuses=(1,))
        campaign.expect("--threads 1000000", [*command, "--threads", "1000000"], {}, statuses=(2,))
    print(f"{campaign.runs} runs, {campaign.wrong} ended otherwise than they should", flush=True)
    if campaign.wrong:
        return 1
    shutil.rmtree(work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
