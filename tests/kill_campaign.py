#!/usr/bin/env python3
"""Kills programs at random moments, lets them go on, and compares what they leave with what a run
leaves that nobody killed: the same bytes, but for the times.

    tests/kill_campaign.py build/bin                      shortened, as `make test` runs it
    tests/kill_campaign.py build/bin --train 56 --attack 19 --segment 24 --text 40 --reproduce 11 --demo 16
    tests/kill_campaign.py build/bin --train 1 --attack 0 --segment 0 --text 0 --reproduce 0 --demo 0 --seed 7

A number is that of the kills of a program; --seed draws other moments. Needs Python's standard
library alone: images and texts are made here. Exit 1 where anything differs; the folders are then kept.
"""
import argparse
import glob
import json
import os
import platform
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib

import campaign_texts

KILLS_A_RUN = 4  # then a run comes to its end, is compared, and a new one begins
TIMES = {"seconds", "images_per_second", "texts_per_second", "queries_per_second", "training_seconds",
         "attack_seconds"}


def png(path, side, shade):
    """A grey image whose pixels are shade(y, x)."""
    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    rows = b"".join(b"\0" + bytes(shade(y, x) for x in range(side)) for y in range(side))
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
                   + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def make_images(root, draw):
    """Three classes of noise, brighter in another third of the rows; 60 and 24 images of 12 x 12."""
    for split, count in (("train", 20), ("test", 8)):
        for label, name in enumerate(("top", "middle", "bottom")):
            folder = os.path.join(root, split, name)
            os.makedirs(folder)
            for i in range(count):
                png(os.path.join(folder, f"{i:03}.png"), 12,
                    lambda y, x: draw.randrange(150) + (100 if y // 4 == label else 0))


def make_scenes(root, draw):
    """Noise with a bright square or stripe, whose pixels are to be found; 12 and 6 images of 32 x 32."""
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        os.makedirs(os.path.join(root, folder))
    for split, count in (("train", 12), ("val", 6)):
        names = [f"{split}{i:02}" for i in range(count)]
        for i, name in enumerate(names):
            left, top = draw.randrange(16), draw.randrange(16)

            def label(y, x):
                inside = top <= y < top + 12 and (i % 2 or left <= x < left + 12)
                return 1 + i % 2 if inside else 0

            png(os.path.join(root, "JPEGImages", name + ".png"), 32,
                lambda y, x: draw.randrange(100) + 70 * label(y, x))
            png(os.path.join(root, "SegmentationClass", name + ".png"), 32, label)
        with open(os.path.join(root, "ImageSets/Segmentation", split + ".txt"), "w") as file:
            file.write("\n".join(names) + "\n")
    with open(os.path.join(root, "classes.txt"), "w") as file:
        file.write("ground\nsquare\nstripe\n")


def make_tables(root):
    """A table of two trainings and two attacks, for saddle-reproduce."""
    os.makedirs(root)
    models = {"preact_resnet18": ["--model", "preact_resnet10", "--width", "2"]}
    preset = {"about": "", "seeds": 1, "train": ["--epochs", "2", "--batch-size", "20"],
              "attack": ["--test-limit", "12"], "models": models}
    table = {"table": 9, "title": "kills", "dataset": "image-folder", "notes": [], "average": [],
             "columns": [{"key": "natural", "title": "natural"},
                         {"key": "fgsm", "title": "FGSM", "attack": "fgsm:eps=8/255"},
                         {"key": "pgd", "title": "PGD", "attack": "pgd:norm=linf,eps=8/255,steps=5"}],
             "rows": [{"name": "SGD", "flags": ["--optimizer", "sgd"], "paper": {}},
                      {"name": "SAM", "flags": ["--optimizer", "sam"], "paper": {}}]}
    for name, content in (("presets", {"paper": preset, "short": preset, "tiny": preset}), ("table9", table)):
        with open(os.path.join(root, name + ".json"), "w") as file:
            json.dump(content, file)


def timeless(value):
    if isinstance(value, dict):
        return {key: timeless(each) for key, each in value.items() if key not in TIMES}
    return [timeless(each) for each in value] if isinstance(value, list) else value


def content(path):
    """What must not change from run to run."""
    name = os.path.basename(path)
    with open(path, "rb") as file:
        data = file.read()
    if name.endswith(".safetensors"):
        length = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8:8 + length])
        metadata = header.pop("__metadata__", {})
        return {key: timeless(json.loads(text)) if text[:1] == "{" else text
                for key, text in metadata.items()}, header, data[8 + length:]
    if name.endswith(".json"):
        return timeless(json.loads(data))
    if name.endswith(".jsonl"):
        return [timeless(json.loads(line)) for line in data.splitlines()]
    if name.endswith((".log", ".html", ".md")) or ".tfevents." in name:
        return None  # full of times
    return data


def contents(root):
    """Relative path -> content. What a kill leaves of a half-written file is no result."""
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            if ".tmp-" not in name:
                path = os.path.join(folder, name)
                found[os.path.relpath(path, root)] = content(path)
    return found


class Campaign:
    def __init__(self, programs, work, draw):
        self.programs, self.work, self.draw = programs, work, draw
        self.environment = dict(os.environ, XDG_CACHE_HOME=os.path.join(work, "cache"),
                                OMP_NUM_THREADS=os.environ.get("OMP_NUM_THREADS", "1"))
        self.differences = 0

    def start(self, command, place):
        line = [os.path.join(self.programs, command[0])] + command[1:]
        with open(os.path.join(place, "..", os.path.basename(place) + ".output"), "ab") as log:
            return subprocess.Popen(line, cwd=place, stdout=log, stderr=log, env=self.environment,
                                    start_new_session=True)  # killed with all that it starts

    def finish(self, command, place):
        """Seconds of a run to its end."""
        begin = time.monotonic()
        status = self.start(command, place).wait()
        if status != 0:
            raise SystemExit(f"kill_campaign: {command[0]} ended with {status} in {place}: see {place}.output")
        return time.monotonic() - begin

    def kill(self, command, place, longest):
        """False where the run had ended before."""
        process = self.start(command, place)
        time.sleep(self.draw.uniform(0, longest))
        ended = process.poll()
        if ended not in (None, 0):
            raise SystemExit(f"kill_campaign: {command[0]} ended with {ended} when it went on in {place}: "
                             f"see {place}.output")
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        return ended is None

    def place(self, name):
        path = os.path.join(self.work, name)
        os.makedirs(path)
        return path

    def machine_plans(self):
        """Path -> text of the files in which the machine keeps which implementation is fastest."""
        files = {}
        for path in glob.glob(os.path.join(self.work, "cache", "saddle", "plans-*.json")):
            with open(path) as file:
                files[path] = file.read()
        return files

    def set_machine_plans(self, files, changed):
        """Those of `files`, or, if `changed`, another implementation for every problem."""
        for path, text in files.items():
            plans = json.loads(text)
            if changed:
                plans["plans"] = {problem: "x64:gemm:jit" for problem in plans["plans"]}
            with open(path, "w") as file:
                json.dump(plans, file)

    def run(self, name, kills, command, pause=(), state=None):
        """`command` writes into its working directory and goes on there when it is given again. With the flags
        `pause` it ends early by itself, to go on later: then kills strike such runs, and find one's state. Where
        the file `state` is left, the machine's plans have changed before it goes on: those of the state count."""
        if kills == 0:
            return
        plain = self.place(name + "-plain")
        longest = self.finish(command, plain)
        wanted = contents(plain)
        plans = self.machine_plans() if state and platform.machine() in ("x86_64", "AMD64") else {}
        struck = [*command, *pause]
        killed = runs = 0
        while killed < kills:
            place = self.place(f"{name}-{runs}")
            if pause:
                longest = self.finish(struck, place)
            for _ in range(min(KILLS_A_RUN, kills - killed)):
                self.set_machine_plans(plans, state and os.path.exists(os.path.join(place, state)))
                if self.kill(struck, place, longest):
                    killed += 1
                elif not pause:
                    break
            self.set_machine_plans(plans, state and os.path.exists(os.path.join(place, state)))
            self.finish(command, place)
            self.compare(place, wanted)
            runs += 1
        self.set_machine_plans(plans, False)
        print(f"{name}: {killed} kills in {runs} runs", flush=True)

    def compare(self, place, wanted):
        found = contents(place)
        for path in sorted(found.keys() | wanted.keys()):
            if path not in found or path not in wanted or found[path] != wanted[path]:
                self.differences += 1
                print(f"{place}: {path} differs from that of a run that was not killed", flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("programs", help="folder of saddle-train and the others")
    for name, kills in (("train", 8), ("attack", 6), ("segment", 4), ("text", 6), ("reproduce", 4), ("demo", 4)):
        options.add_argument("--" + name, type=int, default=kills, metavar="N", help=f"kills [default: {kills}]")
    options.add_argument("--seed", type=int, default=1, metavar="N", help="of the moments")
    given = options.parse_args()
    draw = random.Random(given.seed)
    work = tempfile.mkdtemp(prefix="saddle-kills-")
    campaign = Campaign(os.path.abspath(given.programs), work, draw)
    images, tables = os.path.join(work, "images"), os.path.join(work, "tables")
    make_images(images, draw)
    make_tables(tables)
    data = ["--dataset", "image-folder", "--data-dir", images]
    small = ["--model", "preact_resnet10", "--width", "4", "--batch-size", "20", "--quiet"]

    def train(epochs, *flags):
        return ["saddle-train", *data, *small, "--epochs", str(epochs), "--output", "run", "--resume", *flags]

    campaign.run("train", (given.train + 1) // 2, train(12))
    campaign.run("train-sam-pgd", given.train // 2,
                 train(5, "--optimizer", "sam", "--adversarial", "pgd", "--at-steps", "2", "--ema", "0.9"))

    victim = campaign.place("victim")
    campaign.finish(train(3), victim)
    attacks = ["fgsm", "pgd:steps=20", "mifgsm:steps=10", "cw:searches=2,iterations=10", "pgd:norm=l2,eps=0.5,steps=20",
               "square:queries=100", "fab:steps=10", "apgd-ce:steps=20"]
    campaign.run("attack", given.attack,
                 ["saddle-attack", *data, "--checkpoint", os.path.join(victim, "run", "last.safetensors"),
                  "--json", "result.json", "--csv", "result.csv", "--save-adversarial", "images.safetensors",
                  "--quiet", "--attack-all", "--batch-size", "8",
                  *(word for attack in attacks for word in ("--attack", attack))], state="result.json.state")

    scenes = os.path.join(work, "scenes")
    make_scenes(scenes, draw)
    of_scenes = ["--dataset", "voc-folder", "--data-dir", scenes, "--quiet"]
    train_segmenter = ["saddle-segment", "train", *of_scenes, "--width", "0.25", "--output-stride", "8",
                       "--aspp-rates", "1,2,3", "--aspp-channels", "16", "--crop", "32", "--batch-size", "4",
                       "--epochs", "6", "--optimizer", "sam", "--output", "run", "--resume"]
    campaign.run("segment-train", (given.segment + 1) // 2, train_segmenter)
    if given.segment > 0:
        segmenter = campaign.place("segmenter")
        campaign.finish(train_segmenter, segmenter)
        campaign.run("segment-attack", given.segment // 2,
                     ["saddle-segment", "attack", *of_scenes, "--checkpoint",
                      os.path.join(segmenter, "run", "last.safetensors"), "--json", "result.json", "--counts",
                      "counts.safetensors", "--save-adversarial", "images.safetensors", "--batch-size", "2",
                      "--attack", "pgd:steps=20", "--attack", "segpgd:norm=l2,eps=1,steps=20",
                      "--attack", "apgd:eps=4/255,steps=20"])
    texts = os.path.join(work, "texts")
    campaign_texts.make_texts(texts, draw)
    campaign.run("text-train", (given.text + 1) // 2,
                 campaign_texts.train(texts, "--epochs", "20", "--optimizer", "sam", "--adversarial", "embedding-pgd",
                                      "--at-steps", "2", "--ema", "0.9", "--resume"))
    if given.text > 0:
        reader = campaign.place("reader")
        campaign.finish(campaign_texts.train(texts, "--epochs", "30"), reader)
        campaign.run("text-attack", given.text // 2, campaign_texts.attack(texts, reader), ["--time-budget", "0.1"])
    campaign.run("reproduce", given.reproduce,
                 ["saddle-reproduce", "--table", "9", "--preset", "tiny", "--tables", tables, *data[0:4],
                  "--output", "out", "--quiet"])
    campaign.run("demo", given.demo,
                 ["saddle-demo", *data, "--train-limit", "60", "--test-limit", "12", "--epochs", "2",
                  "--width", "4", "--output", "out", "--quiet"])
    if campaign.differences:
        print(f"kill_campaign: {campaign.differences} files differ; all is kept in {work}", file=sys.stderr)
        return 1
    shutil.rmtree(work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
