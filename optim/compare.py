"""Train one small network with every optimiser, attack each, and print the table of README.md.

    python optim/compare.py --seeds 0,1,2 --output runs/optimizers

needs the built programs and no package. What is already there is not done again. The times are
measured apart, at the end, on an otherwise idle machine: --repeats rounds, in each of which every
optimiser trains one epoch, and the median over the rounds of its ratio to SGD's.
"""

import argparse
import json
import pathlib
import statistics
import subprocess

RECIPE = ["--dataset", "fashion-mnist", "--model", "preact_resnet10", "--width", "8"]
TRAIN_LIMIT, EPOCHS, TEST_LIMIT = 15000, 8, 1000
ATTACKS = ["pgd:norm=linf,eps=2/255,steps=10", "pgd:norm=linf,eps=4/255,steps=10"]

# Name in the table: the flags.
OPTIMIZERS = {
    "sgd": [],
    "sam, rho 0.05": ["--optimizer", "sam", "--rho", "0.05"],
    "sam, rho 0.1": ["--optimizer", "sam", "--rho", "0.1"],
    "asam, rho 0.5": ["--optimizer", "asam", "--rho", "0.5"],
    "asam, rho 1": ["--optimizer", "asam", "--rho", "1"],
    "asam_elementwise, rho 2": ["--optimizer", "asam_elementwise", "--rho", "2"],
    "asam_elementwise, rho 1": ["--optimizer", "asam_elementwise", "--rho", "1"],
    "fisher_sam, rho 0.1": ["--optimizer", "fisher_sam", "--rho", "0.1"],
    "sam_on, rho 0.5": ["--optimizer", "sam_on", "--rho", "0.5"],
    "gsam, rho 0.1": ["--optimizer", "gsam", "--rho", "0.1"],
    "looksam, rho 0.1": ["--optimizer", "looksam", "--rho", "0.1"],
    "looksam, rho 0.1, alpha 0.2": ["--optimizer", "looksam", "--rho", "0.1", "--looksam-alpha",
                                    "0.2"],
    "esam, rho 0.05": ["--optimizer", "esam", "--rho", "0.05"],
    "esam, rho 0.1": ["--optimizer", "esam", "--rho", "0.1"],
    "ssam fisher, rho 0.1": ["--optimizer", "ssam", "--rho", "0.1"],
    "ssam dynamic, rho 0.1": ["--optimizer", "ssam", "--rho", "0.1", "--ssam-mask", "dynamic"],
    "adam": ["--optimizer", "adam"],
    "sam over adam, rho 0.1": ["--optimizer", "sam", "--base-optimizer", "adam", "--rho", "0.1"],
    "sam over adam, rho 0.05": ["--optimizer", "sam", "--base-optimizer", "adam", "--rho",
                                "0.05"],
    "adamw": ["--optimizer", "adamw"],
    "sam over adamw, rho 0.02": ["--optimizer", "sam", "--base-optimizer", "adamw", "--rho",
                                 "0.02"],
    "sam over adamw, rho 0.1": ["--optimizer", "sam", "--base-optimizer", "adamw", "--rho", "0.1"],
}
SGD = "sgd"


def run(command):
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)


def train(options, name, seed, epochs, directory):
    run([options.programs / "saddle-train", *RECIPE, "--train-limit", TRAIN_LIMIT, "--epochs",
         epochs, "--seed", seed, "--threads", options.threads, "--quiet", "--resume", "--output",
         directory, *OPTIMIZERS[name]])


def robustness(options, name, seed):
    """[clean, then a number an attack], in percent."""
    directory = options.output / f"{name.replace(', ', '-').replace(' ', '-')}-seed-{seed}"
    report = directory / "attacks.json"
    if not report.exists():
        train(options, name, seed, EPOCHS, directory)
        attacks = [part for attack in ATTACKS for part in ("--attack", attack)]
        run([options.programs / "saddle-attack", "--checkpoint", directory / "last.safetensors",
             "--dataset", "fashion-mnist", "--test-limit", TEST_LIMIT, "--threads",
             options.threads, "--quiet", "--json", report, *attacks])
    metrics = (directory / "metrics.jsonl").read_text().splitlines()
    found = json.loads(report.read_text())
    return [json.loads(metrics[-1])["test_accuracy"],
            *(attack["robust_accuracy"] for attack in found["attacks"])]


def seconds_of_an_epoch(options, name):
    directory = options.output / "timing"
    train(options, name, 0, 1, directory / "run")
    line = json.loads((directory / "run" / "metrics.jsonl").read_text())
    run(["rm", "-r", directory])
    return line["seconds"]


def times(options):
    """The median over rounds of the time of an epoch over SGD's, an optimiser."""
    ratios = {name: [] for name in OPTIMIZERS}
    for _ in range(options.repeats):
        seconds = {name: seconds_of_an_epoch(options, name) for name in OPTIMIZERS}
        for name in OPTIMIZERS:
            ratios[name].append(seconds[name] / seconds[SGD])
    return {name: statistics.median(values) for name, values in ratios.items()}


def mean_and_spread(values):
    if len(values) == 1:
        return f"{values[0]:.1f}"
    return f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=pathlib.Path, default=pathlib.Path("build/bin"))
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("runs/optimizers"))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--threads", default="1")
    parser.add_argument("--repeats", type=int, default=3, help="rounds of timing; 0: none")
    options = parser.parse_args()
    seeds = options.seeds.split(",")
    options.output.mkdir(parents=True, exist_ok=True)

    columns = {name: [] for name in OPTIMIZERS}
    for seed in seeds:
        for name in OPTIMIZERS:
            columns[name].append(robustness(options, name, seed))
    ratios = times(options) if options.repeats else {}

    print("| optimiser | clean | PGD-10 2/255 | PGD-10 4/255 | time of an epoch over SGD's |")
    print("|---|---:|---:|---:|---:|")
    for name, rows in columns.items():
        cells = [mean_and_spread(values) for values in zip(*rows)]
        time = f"{ratios[name]:.2f}" if ratios else "-"
        print(f"| {name} | " + " | ".join(cells) + f" | {time} |")


if __name__ == "__main__":
    main()
