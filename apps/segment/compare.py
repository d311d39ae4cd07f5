"""Attack a segmentation checkpoint in PyTorch, beside what saddle-segment found.

    compare.py CHECKPOINT ADVERSARIAL RESULT.json [--images N]

ADVERSARIAL is what `saddle-segment attack --save-adversarial` writes, RESULT.json its --json. For
every attack of PGD's kind there, PyTorch runs the same on the same images, from random starts of
its own, and both mIoUs are printed, with that of Saddle's adversarial images as PyTorch sees them.
Networks and losses are the transcriptions of tests/vectors. Needs torch, numpy, safetensors.
"""

import argparse
import json
import os
import sys

import torch
import torch.nn.functional as F
from safetensors import safe_open

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests/vectors"))
import deeplab
from make_segmentation_attack_vectors import direction, project

VOID = 255


def load_network(path):
    with safe_open(path, framework="pt") as file:
        about = json.loads(file.metadata()["saddle"])
        state = {name: file.get_tensor(name) for name in file.keys()}
    o = about["options"]
    common = dict(output_stride=o["output_stride"], aspp_channels=o["head_channels"],
                  rates=tuple(o["rates"]))
    if about["model"] == "deeplabv3_mobilenetv2":
        network = deeplab.deeplab_mobilenetv2(about["classes"], width=o["width"],
                                              padding=o["padding"], **common)
    else:
        network = deeplab.deeplab_resnet50(about["classes"], planes=round(64 * o["width"]),
                                           **common)
    network.load_state_dict(state, strict=True)
    mean = torch.tensor(about["mean"]).view(1, -1, 1, 1)
    std = torch.tensor(about["std"]).view(1, -1, 1, 1)
    network.eval()
    return (lambda x: network((x - mean) / std)), about["classes"]


def loss_of(name, z, y, t, steps, balance):
    """Sum over pixels with a class; z [N, K, H, W], y [N, H, W]."""
    valid = y != VOID
    z, y = z.permute(0, 2, 3, 1)[valid], y[valid]
    ce = F.cross_entropy(z, y, reduction="none")
    right = (z.argmax(1) == y).to(z.dtype)
    p = z.softmax(1)
    own = p.gather(1, y[:, None])[:, 0]
    if name == "segpgd":
        share = (t - 1) / (2 * steps)
        ce = (right * (1 - share) + (1 - right) * share) * ce
    elif name == "cospgd":
        ce = (own / p.norm(dim=1)).detach() * ce
    elif name == "mce":
        ce = right * ce
    elif name == "mce-bal":
        ce = balance[y] * right * ce
    elif name == "jsd":
        middle = (1 + own) / 2
        ce = ((1 - own) * torch.log(torch.tensor(2.0)) + torch.xlogy(own, own / middle)
              - torch.log(middle)) / 2
    elif name == "cos":
        ce = 1 - z.gather(1, y[:, None])[:, 0] / z.norm(dim=1)
    elif name == "msl":
        ce = -right * z.gather(1, y[:, None])[:, 0] / z.norm(dim=1)
    return ce.sum()


def random_start(norm, x, eps):
    if norm == "linf":
        return (x + (2 * torch.rand_like(x) - 1) * eps).clamp(0, 1)
    delta = torch.randn_like(x)
    radius = torch.rand(len(x), 1, 1, 1) * eps
    return (x + delta / delta.flatten(1).norm(dim=1).view(-1, 1, 1, 1) * radius).clamp(0, 1)


def pgd(f, x, y, attack, balance):
    norm, eps, steps = attack["norm"], attack["eps"], attack["steps"]
    moved = random_start(norm, x, eps)
    for t in range(1, steps + 1):
        moved = moved.detach().requires_grad_(True)
        g, = torch.autograd.grad(loss_of(attack["loss"], f(moved), y, t, steps, balance), moved)
        moved = project(norm, x, moved.detach() + eps / 4 * direction(norm, g), eps)
    return moved.detach()


def miou(f, batches, classes):
    counts = torch.zeros(classes, classes, dtype=torch.int64)
    for x, y in batches:
        with torch.no_grad():
            found = f(x).argmax(1)
        valid = y != VOID
        counts += torch.bincount(y[valid] * classes + found[valid],
                                 minlength=classes ** 2).view(classes, classes)
    union = counts.sum(0) + counts.sum(1) - counts.diag()
    return 100 * (counts.diag()[union > 0] / union[union > 0]).mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("adversarial")
    parser.add_argument("result")
    parser.add_argument("--images", type=int, default=10 ** 9)
    o = parser.parse_args()
    torch.manual_seed(1)
    f, classes = load_network(o.checkpoint)
    with open(o.result) as file:
        result = json.load(file)
    with safe_open(o.adversarial, framework="pt") as file:
        count = min(o.images, result["examples"])
        clean = [(file.get_tensor(f"images.{i}")[None], file.get_tensor(f"labels.{i}")[None].long())
                 for i in range(count)]
        labels = torch.cat([y.flatten() for _, y in clean])
        shares = torch.bincount(labels[labels != VOID], minlength=classes).clamp(min=1)
        balance = (1 / shares) / (1 / shares).sum()
        print(f"clean: Saddle {result['clean']['miou']:.2f}, PyTorch {miou(f, clean, classes):.2f}")
        for number, attack in enumerate(result["attacks"]):
            if attack["name"] not in ("pgd", "segpgd", "cospgd"):
                continue
            name = f"adversarial.{number}-{attack['name']}"
            stored = [(file.get_tensor(f"{name}.{i}")[None], y) for i, (_, y) in enumerate(clean)]
            own = [(pgd(f, x, y, attack, balance), y) for x, y in clean]
            print(f"{attack['spec']}: Saddle {attack['miou']:.2f}, its images in PyTorch "
                  f"{miou(f, stored, classes):.2f}, PyTorch's own {miou(f, own, classes):.2f}",
                  flush=True)


if __name__ == "__main__":
    main()
