"""Saddle's attacks beside the reference implementations, on the same images and the same network.

By hand, in an environment with torch, numpy, safetensors and torchattacks; and, where obtainable, the
authors' AutoAttack (--autoattack: a folder that holds the package `autoattack`) and StAdv in the code
of Laidlaw and Feizi (--recoloradv: a folder that holds the package `recoloradv`):

    python apps/attack/compare.py --checkpoint runs/sam/last.safetensors --examples 1000

Prints one Markdown table: robust accuracy of both in percent of all examples (clean errors count as
broken), their difference, the examples on which the two disagree, what PyTorch says of the images
Saddle returned, seconds of both, and how many times faster Saddle was. The two take turns, --rounds
of them; seconds are medians, and of the ratio the least and the greatest of a round are printed,
too. Both use --threads threads and float32. Attacks without a radius are judged at the l2 radius:
what is farther is not broken.
"""

import argparse
import gzip
import json
import pathlib
import statistics
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


def within(attack, radius):
    """`attack`, with every image that is farther than `radius` in l2 put back."""
    def judged(x, y):
        found = attack(x, y).detach()
        far = (found - x).flatten(1).norm(dim=1) > radius * (1 + 1e-5)
        return torch.where(far[:, None, None, None], x, found)
    return judged


def batched(attack, size):
    return lambda x, y: torch.cat([attack(x[i:i + size], y[i:i + size]).detach()
                                   for i in range(0, len(x), size)])


def torchattacks_rows(model, eps, eps_l2, batch):
    import torchattacks as ta
    linf, l2 = f"norm=linf,eps={eps}", f"norm=l2,eps={eps_l2}"
    rows = [
        (f"fgsm:eps={eps}", ta.FGSM(model, eps)),
        (f"pgd:{linf},alpha={eps / 4},steps=10", ta.PGD(model, eps, eps / 4, 10)),
        (f"pgd:{l2},alpha={eps_l2 / 8},steps=10", ta.PGDL2(model, eps_l2, eps_l2 / 8, 10)),
        (f"mifgsm:eps={eps},alpha={eps / 4},steps=10", ta.MIFGSM(model, eps, eps / 4, 10)),
        (f"fab:{l2},steps=10", ta.FAB(model, "L2", eps_l2, 10, n_classes=10)),
        (f"deepfool:eps={eps_l2}", within(ta.DeepFool(model), eps_l2)),
        (f"cw:eps={eps_l2},searches=1,c=1,iterations=50", within(ta.CW(model, c=1), eps_l2)),
        (f"pixle:restarts=20,iterations=5", ta.Pixle(model, restarts=20, max_iterations=5)),
        (f"autoattack:{linf},preset=torchattacks",
         ta.AutoAttack(model, "Linf", eps, n_classes=10, seed=0)),
    ]
    return [(spec, "torchattacks", batched(attack, batch)) for spec, attack in rows]


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


def stadv_row(model, bound, iterations, batch):
    """StAdv as Laidlaw et al. 2021 set it up: Adam, lr 0.01, margin without a floor, lambda 0.0025/bound."""
    from recoloradv.mister_ed import adversarial_attacks, adversarial_perturbations, loss_functions
    from recoloradv.mister_ed import spatial_transformers
    margin = loss_functions.CWLossF6(model, torch.nn.Identity(), kappa=float("inf"))
    loss = loss_functions.RegularizedLoss(
        {"cw": margin, "pert": loss_functions.PerturbationNormLoss(lp=2)},
        {"cw": 1.0, "pert": 0.0025 / bound}, negate=True)
    threat = adversarial_perturbations.ThreatModel(
        adversarial_perturbations.ParameterizedXformAdv,
        {"lp_style": "inf", "lp_bound": bound, "xform_class": spatial_transformers.FullSpatial,
         "use_stadv": True})
    pgd = adversarial_attacks.PGD(model, torch.nn.Identity(), threat, loss)

    def attack(x, y):
        return pgd.attack(x, y, num_iterations=iterations, random_init=False, signed=False,
                          optimizer=torch.optim.Adam, optimizer_kwargs={"lr": 0.01},
                          verbose=False).adversarial_tensors()
    return (f"stadv:bound={bound},iterations={iterations}", "recoloradv", batched(attack, batch))


def run_saddle(arguments, spec, directory):
    """Its result and adversarial images."""
    report, images = directory / "report.json", directory / "images.safetensors"
    command = [str(arguments.saddle), "--checkpoint", arguments.checkpoint, "--dataset",
               "fashion-mnist", "--test-limit", str(arguments.examples), "--threads",
               str(arguments.threads), "--batch-size", str(arguments.batch), "--device", "cpu",
               "--seed", str(arguments.seed), "--quiet", "--json", str(report),
               "--save-adversarial", str(images), "--attack", spec]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    result = json.loads(report.read_text())["attacks"][0]
    return result, safetensors.torch.load_file(images)[f"adversarial.0-{result['name']}"]


def right(model, images, labels, mask):
    with torch.no_grad():
        return (model(images).argmax(1) == labels) & mask


def percent(flags):
    return 100 * flags.double().mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--data-dir", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--saddle", default=ROOT / "build" / "bin" / "saddle-attack")
    parser.add_argument("--autoattack", help="folder that holds the package autoattack")
    parser.add_argument("--recoloradv", help="folder that holds the package recoloradv")
    parser.add_argument("--only", default="", help="only specs that begin with one of these, a,b,c")
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument("--batch", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--eps", type=float, default=8 / 255, help="l-inf radius")
    parser.add_argument("--eps-l2", type=float, default=0.5)
    parser.add_argument("--stadv-bound", type=float, default=0.05, help="of StAdv's flow")
    parser.add_argument("--queries", type=int, default=5000, help="of Square")
    parser.add_argument("--rounds", type=int, default=1, help="turns of both")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    model = load_model(arguments.checkpoint)
    images, labels = load_images(arguments.data_dir, arguments.examples)
    with torch.no_grad():
        clean = model(images).argmax(1) == labels

    rows = torchattacks_rows(model, arguments.eps, arguments.eps_l2, arguments.batch)
    if arguments.autoattack:
        sys.path.insert(0, arguments.autoattack)
        rows += autoattack_rows(model, arguments.eps, arguments.eps_l2, arguments.batch,
                                arguments.queries)
    if arguments.recoloradv:
        sys.path.insert(0, arguments.recoloradv)
        rows.append(stadv_row(model, arguments.stadv_bound, 20, arguments.batch))
    wanted = tuple(filter(None, arguments.only.split(",")))
    rows = [row for row in rows if not wanted or row[0].startswith(wanted)]

    print(f"{arguments.examples} images, clean accuracy {percent(clean):.2f} %, "
          f"{arguments.threads} threads, batches of {arguments.batch}\n")
    print("| attack | reference | robust (reference) | robust (Saddle) | difference | "
          "they disagree on | Saddle's images in PyTorch | s (reference) | s (Saddle) | "
          "times faster | least | greatest |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|", flush=True)
    for spec, reference, attack in rows:
        seconds, ours = [], []
        for _ in range(arguments.rounds):
            with tempfile.TemporaryDirectory() as directory:
                result, adversarial = run_saddle(arguments, spec, pathlib.Path(directory))
            ours.append(result["seconds"])
            start = time.perf_counter()
            theirs = attack(images, labels).detach()
            seconds.append(time.perf_counter() - start)
        ratios = [reference_took / we_took for reference_took, we_took in zip(seconds, ours)]
        withstood = right(model, theirs, labels, clean)
        scored = right(model, adversarial, labels, clean)
        robust = result["robust_accuracy"]
        print(f"| {spec} | {reference} | {percent(withstood):.2f} | {robust:.2f} | "
              f"{robust - percent(withstood):+.2f} | {(withstood != scored).sum().item()} | "
              f"{percent(scored):.2f} | {statistics.median(seconds):.2f} | "
              f"{statistics.median(ours):.2f} | {statistics.median(ratios):.2f} | "
              f"{min(ratios):.2f} | {max(ratios):.2f} |", flush=True)


if __name__ == "__main__":
    main()
