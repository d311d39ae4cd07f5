"""Saddle's attacks beside the reference implementations, on the same images and the same network.

By hand, in an environment with torch, numpy, safetensors, torchattacks and, where obtainable, the
authors' AutoAttack (a folder that holds the package `autoattack`, named with --autoattack):

    python apps/attack/compare.py --checkpoint runs/sgd/last.safetensors --examples 200

Prints one Markdown table: robust accuracy of both in percent of all examples (clean errors count as
broken), their difference, what PyTorch says of the images Saddle returned, seconds of both, and
how many times faster Saddle was. Both use --threads threads and float32.
"""

import argparse
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy
import safetensors
import safetensors.torch
import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "vectors"))
import preact_resnet  # noqa: E402


def idx(path):
    """The array in an IDX file of bytes, gzipped."""
    data = gzip.open(path).read()
    extents = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], "big") for i in range(data[3])]
    return numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * data[3]).reshape(extents)


def load_images(directory, examples):
    images = idx(pathlib.Path(directory) / "t10k-images-idx3-ubyte.gz")[:examples]
    labels = idx(pathlib.Path(directory) / "t10k-labels-idx1-ubyte.gz")[:examples]
    return torch.tensor(images[:, None] / numpy.float32(255)), torch.tensor(labels.astype("int64"))


def load_model(path):
    """The checkpoint as a PyTorch module from pixels in [0, 1] to logits."""
    with safetensors.safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["saddle"])
    tensors = safetensors.torch.load_file(path)
    width = tensors["conv1.weight"].shape[0]
    net = preact_resnet.build(about["model"], width, about["input_shape"][0], about["classes"])
    net.load_state_dict(tensors)
    model = preact_resnet.Normalised(net, about["mean"], about["std"]).eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model


def torchattacks_rows(model, eps, eps_l2):
    import torchattacks
    return [
        (f"fgsm:eps={eps}", "torchattacks", torchattacks.FGSM(model, eps)),
        (f"pgd:norm=linf,eps={eps},alpha={eps / 4},steps=10", "torchattacks",
         torchattacks.PGD(model, eps, eps / 4, 10)),
        (f"pgd:norm=l2,eps={eps_l2},alpha={eps_l2 / 8},steps=10", "torchattacks",
         torchattacks.PGDL2(model, eps_l2, eps_l2 / 8, 10)),
        (f"mifgsm:eps={eps},alpha={eps / 4},steps=10", "torchattacks",
         torchattacks.MIFGSM(model, eps, eps / 4, 10)),
        (f"autoattack:norm=linf,eps={eps},preset=torchattacks", "torchattacks",
         torchattacks.AutoAttack(model, "Linf", eps, n_classes=10, seed=0)),
    ]


def autoattack_rows(model, eps, eps_l2, batch, queries):
    from autoattack import AutoAttack

    def attack(norm, radius, names):
        adversary = AutoAttack(model, norm=norm, eps=radius, version="standard", device="cpu",
                               verbose=False, seed=0)
        if names:
            adversary.attacks_to_run = names
        adversary.square.n_queries = queries
        return lambda x, y: adversary.run_standard_evaluation(x, y, bs=batch)

    rows = []
    for norm, radius in (("Linf", eps), ("L2", eps_l2)):
        ball = f":norm={norm.lower()},eps={radius}"
        for name, more in (("apgd-ce", ""), ("apgd-dlr", ""), ("apgd-t", ""), ("fab-t", ""),
                           ("square", f",queries={queries}")):
            rows.append((name + ball + more, "AutoAttack", attack(norm, radius, [name])))
        rows.append((f"autoattack{ball},queries={queries}", "AutoAttack", attack(norm, radius, None)))
    return rows


def run_saddle(arguments, specs, directory):
    report, images = directory / "report.json", directory / "images.safetensors"
    command = [str(arguments.saddle), "--checkpoint", arguments.checkpoint, "--dataset",
               "fashion-mnist", "--test-limit", str(arguments.examples), "--threads",
               str(arguments.threads), "--batch-size", str(arguments.batch), "--device", "cpu",
               "--seed", str(arguments.seed), "--quiet", "--json", str(report),
               "--save-adversarial", str(images)]
    for spec in specs:
        command += ["--attack", spec]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return json.loads(report.read_text())["attacks"], safetensors.torch.load_file(images)


def accuracy(model, images, labels, mask):
    with torch.no_grad():
        right = (model(images).argmax(1) == labels) & mask
    return 100 * right.double().mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--data-dir", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--saddle", default=ROOT / "build" / "bin" / "saddle-attack")
    parser.add_argument("--autoattack", help="folder that holds the package autoattack")
    parser.add_argument("--only", default="", help="only specs that begin with one of these, a,b,c")
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument("--batch", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--eps", type=float, default=8 / 255, help="l-inf radius")
    parser.add_argument("--eps-l2", type=float, default=0.5)
    parser.add_argument("--queries", type=int, default=5000, help="of Square")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    model = load_model(arguments.checkpoint)
    images, labels = load_images(arguments.data_dir, arguments.examples)
    with torch.no_grad():
        clean = model(images).argmax(1) == labels

    rows = torchattacks_rows(model, arguments.eps, arguments.eps_l2)
    if arguments.autoattack:
        sys.path.insert(0, arguments.autoattack)
        rows += autoattack_rows(model, arguments.eps, arguments.eps_l2, arguments.batch,
                                arguments.queries)
    wanted = tuple(filter(None, arguments.only.split(",")))
    rows = [row for row in rows if not wanted or row[0].startswith(wanted)]
    with tempfile.TemporaryDirectory() as directory:
        ours, adversarial = run_saddle(arguments, [row[0] for row in rows],
                                       pathlib.Path(directory))

    print(f"{arguments.examples} images, clean accuracy {100 * clean.double().mean():.2f} %, "
          f"{arguments.threads} threads, batches of {arguments.batch}\n")
    print("| attack | reference | robust (reference) | robust (Saddle) | difference | "
          "Saddle's images in PyTorch | s (reference) | s (Saddle) | times faster |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|", flush=True)
    for i, (spec, reference, attack) in enumerate(rows):
        start = time.perf_counter()
        theirs = attack(images, labels).detach()
        seconds = time.perf_counter() - start
        of_theirs = accuracy(model, theirs, labels, clean)
        of_ours = ours[i]["robust_accuracy"]
        scored = accuracy(model, adversarial[f"adversarial.{i}-{ours[i]['name']}"], labels, clean)
        print(f"| {spec} | {reference} | {of_theirs:.2f} | {of_ours:.2f} | "
              f"{of_ours - of_theirs:+.2f} | {scored:.2f} | {seconds:.2f} | "
              f"{ours[i]['seconds']:.2f} | {seconds / ours[i]['seconds']:.2f} |", flush=True)


if __name__ == "__main__":
    main()
