"""Attacks on segmentation in PyTorch: writes segmentation_attacks.safetensors (see README.md).

    python tests/vectors/make_segmentation_attack_vectors.py

The losses are transcribed from their papers, APGD with shrinking radii from Croce, Singh and Hein
2024, with void pixels and the early stop as attacks/shrinking_apgd.h says. Autograd differentiates:
nothing of Saddle's formulas for gradients is used.

The network is small and smooth (GELU), and sees the labels' resolution through a bilinear resize,
as segmentation networks do. Two things are still decided by signs: l-inf steps, and which pixels
are right. So everything is run in float32 too, by two convolution libraries and from pixels that
are moved by five roundings, and a seed of the starts is taken with which all runs agree with float64:
a number near zero would otherwise go one way here and the other there. How far the runs differ is
stored (`differences`). Masked losses in l2 differ most: a pixel that was turned is let go, comes
back, and stays near the boundary, so that each step makes small differences larger.
"""

import json
import os

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
COMMAND = "python tests/vectors/make_segmentation_attack_vectors.py"
IMAGES, CLASSES, HEIGHT, WIDTH, VOID = 3, 5, 12, 10, 255
HIDDEN = 8
LOSSES = ["ce", "segpgd", "cospgd", "mce", "mce-bal", "jsd", "msl", "cos"]
PGD = {"linf": dict(eps=8 / 255, alpha=2 / 255, steps=10),
       "l2": dict(eps=0.75, alpha=0.1875, steps=10)}
# 100 iterations: phases of 30, 30 and 40, each with its checkpoints.
SHRINKING = {"linf": dict(eps=6 / 255, steps=100, rho=0.75),
             "l2": dict(eps=0.5, steps=100, rho=0.75)}
SHRINKING_LOSSES = {"linf": ["mce-bal", "mce", "jsd", "segpgd", "msl"], "l2": ["ce", "jsd"]}
SEEDS, ENOUGH, TOLERANCE, SAMPLES = 60, 5e-6, 2e-4, 8


class Problem:
    """Network, images [N, 3, H, W], labels [N, H, W], balance [K], as float32 numbers."""

    def __init__(self, seed=0):
        torch.manual_seed(seed)
        self.tensors = {
            "first": torch.randn(HIDDEN, 3, 3, 3) * 0.9,
            "second": torch.randn(CLASSES, HIDDEN, 3, 3) * 0.35,
            "images": torch.rand(IMAGES, 3, HEIGHT, WIDTH).mul(255).round().div(255),
            "balance": torch.tensor([0.1, 0.3, 0.15, 0.25, 0.2]),
        }
        # Mostly what the network says, and from image to image more noise and void.
        with torch.no_grad():
            labels = self.logits(self.tensors["images"], torch.float64).argmax(1)
        noise = torch.rand(IMAGES, HEIGHT, WIDTH)
        other = torch.randint(CLASSES, labels.shape)
        amount = torch.tensor([0.05, 0.2, 0.4]).view(-1, 1, 1)
        labels = torch.where(noise < amount, other, labels)
        void = torch.rand(IMAGES, HEIGHT, WIDTH) < torch.tensor([0.0, 0.1, 0.3]).view(-1, 1, 1)
        self.tensors["labels"] = torch.where(void, VOID, labels)

    def logits(self, x, dtype):
        x = (x.to(dtype) - 0.5) * 4
        x = F.conv2d(x, self.tensors["first"].to(dtype), stride=2, padding=1)
        x = F.conv2d(F.gelu(x), self.tensors["second"].to(dtype), padding=1)
        return F.interpolate(x, (HEIGHT, WIDTH), mode="bilinear")

    def of_pixels(self, z):
        """(z [P, K], y [P], image of each [P]) of the pixels with a class."""
        labels = self.tensors["labels"]
        valid = labels != VOID
        image = torch.arange(IMAGES).view(-1, 1, 1).expand_as(labels)
        return z.permute(0, 2, 3, 1)[valid], labels[valid], image[valid]


def cross_entropy(z, y):
    return F.cross_entropy(z, y, reduction="none")


def divergence(p, q):
    """KL(p || q), with 0 log 0 = 0 in value and gradient."""
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum(1)


def pixel_losses(name, z, y, t, steps, balance):
    right = z.argmax(1) == y
    ce = cross_entropy(z, y)
    if name == "ce":
        return ce
    if name == "segpgd":
        share = (t - 1) / (2 * steps)
        return torch.where(right, 1 - share, share) * ce
    if name == "cospgd":
        onehot = F.one_hot(y, CLASSES).to(z.dtype)
        return F.cosine_similarity(F.softmax(z, 1), onehot, dim=1).detach() * ce
    if name == "mce":
        return right * ce
    if name == "mce-bal":
        return balance.to(z.dtype)[y] * right * ce
    if name == "jsd":
        p, onehot = F.softmax(z, 1), F.one_hot(y, CLASSES).to(z.dtype)
        middle = (p + onehot) / 2
        return (divergence(p, middle) + divergence(onehot, middle)) / 2
    along = F.normalize(z, dim=1).gather(1, y.view(-1, 1)).squeeze(1)
    return -along * right if name == "msl" else 1 - along


def per_image(values, image):
    return torch.zeros(IMAGES, dtype=values.dtype).index_add(0, image, values)


class Objective:
    """What an attack asks at an iterate: gradient of the loss, and per image what is tracked."""

    def __init__(self, problem, name, dtype):
        self.problem, self.name, self.dtype = problem, name, dtype

    def at(self, x, t, steps):
        x = x.detach().requires_grad_(True)
        z, y, image = self.problem.of_pixels(self.problem.logits(x, self.dtype))
        losses = per_image(pixel_losses(self.name, z, y, t, steps,
                                        self.problem.tensors["balance"]), image)
        g, = torch.autograd.grad(losses.sum(), x)
        tracked = losses if self.name == "msl" else per_image(cross_entropy(z, y), image)
        right = per_image((z.argmax(1) == y).to(self.dtype), image)
        return g, losses.detach(), tracked.detach(), right.detach()


def norms(v):
    return v.flatten(1).norm(dim=1).view(-1, 1, 1, 1)


def direction(norm, g):
    if norm == "linf":
        return g.sign()
    length = norms(g)
    return torch.where(length > 0, g / length, torch.zeros_like(g))


def project(norm, x, moved, eps):
    if norm == "linf":
        return torch.minimum(torch.maximum(moved, x - eps), x + eps).clamp(0, 1)
    delta = moved - x
    length = norms(delta)
    return (x + delta * torch.where(length > eps, eps / length, torch.ones_like(length))).clamp(0, 1)


def pgd(objective, o, norm, x, start):
    adversarial, losses, right = x + start.to(x.dtype), [], []
    for t in range(1, o["steps"] + 1):
        g, loss, _, correct = objective.at(adversarial, t, o["steps"])
        losses.append(loss)
        right.append(correct)
        adversarial = project(norm, x, adversarial + o["alpha"] * direction(norm, g), o["eps"])
    right.append(objective.at(adversarial, o["steps"], o["steps"])[3])
    return dict(adversarial=adversarial, losses=torch.stack(losses), right=torch.stack(right))


def checkpoints(n):
    k, smallest, decrease = max(int(.22 * n), 1), max(int(.06 * n), 1), max(int(.03 * n), 1)
    return k, smallest, decrease


def apgd_of_one(objective, norm, x, start, eps, steps, rho, image):
    """A phase for image `image`, which alone decides: its answer, and what it found."""
    def at(moved, t):
        found = objective.at(moved, min(t, steps), steps)
        return found[0], found[2][image].item(), found[3][image].item()

    now = old = best = answer = start
    g, loss, fewest = at(now, 1)
    best_loss, best_g, last_loss = loss, g, loss
    step, k_counter, increases = 2 * eps, 0, 0
    k, smallest, decrease = checkpoints(steps)
    loss_at_check, reduced_at_check = best_loss, True
    for i in range(steps):
        if fewest == 0:
            break
        momentum = 0.75 if i > 0 else 1.0
        z = project(norm, x, now + step * direction(norm, g), eps)
        now, old = project(norm, x, now + momentum * (z - now) + (1 - momentum) * (now - old),
                           eps), now
        g, loss, right = at(now, i + 2)
        if right <= fewest:
            fewest, answer = right, now
        increases += loss > last_loss
        last_loss = loss
        if loss > best_loss:
            best_loss, best, best_g = loss, now, g
        k_counter += 1
        if k_counter == k:
            oscillates = increases <= k * rho
            stands = not reduced_at_check and loss_at_check >= best_loss
            reduced_at_check = oscillates or stands
            loss_at_check = best_loss
            if reduced_at_check:
                step, now, g = step / 2, best, best_g
            k_counter, increases = 0, 0
            k = max(k - decrease, smallest)
    return answer[image], best_loss, fewest


def shrinking(objective, o, norm, x, start):
    n = o["steps"]
    phases = [(2 * o["eps"], int(.3 * n)), (1.5 * o["eps"], int(.3 * n))]
    phases.append((o["eps"], n - phases[0][1] - phases[1][1]))
    found, at = dict(best_loss=[], right=[]), start.to(x.dtype)
    for eps, steps in phases:
        at = project(norm, x, at, eps)
        answers = [apgd_of_one(objective, norm, x, at, eps, steps, o["rho"], i)
                   for i in range(IMAGES)]
        at = torch.stack([a[0] for a in answers])
        found["best_loss"].append(torch.tensor([a[1] for a in answers], dtype=x.dtype))
        found["right"].append(torch.tensor([a[2] for a in answers], dtype=x.dtype))
    return dict(adversarial=at, best_loss=torch.stack(found["best_loss"]),
                right=torch.stack(found["right"]))


def draw(norm, radius, images, seed, kind):
    """A delta (pgd) or images (shrinking) to start from, float32 and within [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    if norm == "linf":
        delta = (torch.rand(images.shape, generator=generator) * 2 - 1) * radius
    else:
        delta = torch.randn(images.shape, generator=generator)
        delta = delta / norms(delta) * radius * (0.5 if kind == "pgd" else 1)
    start = (images + delta).clamp(0, 1)
    return start - images if kind == "pgd" else start


ATTACKS = {"pgd": (pgd, PGD, {norm: LOSSES for norm in PGD}),
           "shrinking": (shrinking, SHRINKING, SHRINKING_LOSSES)}


def run(problem, kind, norm, name, start, dtype, sample=None):
    x = problem.tensors["images"].to(dtype)
    if sample is not None:  # five roundings more, in float32
        generator = torch.Generator().manual_seed(sample)
        x = x * (1 + 3e-7 * torch.randn(x.shape, generator=generator).to(dtype))
    attack, settings, _ = ATTACKS[kind]
    return attack(Objective(problem, name, dtype), settings[norm], norm, x, start)


def worst_difference(exact, rounded):
    assert all(t.isfinite().all() for t in exact.values())
    return max((exact[name] - rounded[name].double()).abs().max().item()
               / max(1.0, exact[name].abs().max().item()) for name in exact)


def search(problem, kind, norm, name):
    """(difference, seed, start, tensors): the first seed with which float32 differs little enough."""
    radius = ATTACKS[kind][1][norm]["eps"] * (2 if kind == "shrinking" else 1)
    best = (TOLERANCE,)
    for seed in range(SEEDS):
        start = draw(norm, radius, problem.tensors["images"], seed, kind)
        exact, worst = run(problem, kind, norm, name, start, torch.float64), 0.0
        for sample in range(SAMPLES):
            with torch.backends.mkldnn.flags(enabled=sample % 2 == 0):
                rounded = run(problem, kind, norm, name, start, torch.float32, sample)
            worst = max(worst, worst_difference(exact, rounded))
            if worst >= best[0]:
                break
        else:
            best = (worst, seed, start, exact)
            if worst <= ENOUGH:
                break
    if len(best) == 1:
        raise SystemExit(f"{kind} {norm} {name}: no seed of {SEEDS} keeps away from ties; try more")
    return best


def main():
    problem = Problem()
    tensors, seeds, differences = dict(problem.tensors), {}, {}
    clean = Objective(problem, "ce", torch.float64).at(tensors["images"].double(), 1, 1)
    tensors["clean.right"], tensors["clean.losses"] = clean[3], clean[1]
    print("right of", (tensors["labels"] != VOID).flatten(1).sum(1).tolist(), ":",
          clean[3].tolist())
    for kind, (_, settings, losses) in ATTACKS.items():
        for norm in settings:
            for name in losses[norm]:
                title = f"{kind}.{norm}.{name}"
                differences[title], seeds[title], start, exact = search(problem, kind, norm, name)
                print(f"{title}: seed {seeds[title]}, float32 differs by {differences[title]:.1e}, "
                      "right", exact["right"][-1].tolist(), flush=True)
                tensors[title + ".start"] = start
                tensors.update({f"{title}.{k}": v for k, v in exact.items()})
    path = os.path.join(HERE, "segmentation_attacks.safetensors")
    about = dict(torch=torch.__version__, command=COMMAND, pgd=PGD, shrinking=SHRINKING,
                 losses=LOSSES, shrinking_losses=SHRINKING_LOSSES, seeds=seeds,
                 differences=differences)
    stored = {name: (t.float() if t.is_floating_point() else t).contiguous()
              for name, t in tensors.items()}
    save_file(stored, path, metadata={"vectors": json.dumps(about, sort_keys=True)})
    print(f"wrote {path}: {len(stored)} tensors, {os.path.getsize(path) / 1024:.0f} KiB")


if __name__ == "__main__":
    torch.set_num_threads(1)  # sums in one order, so that a second run gives the same bytes
    main()
