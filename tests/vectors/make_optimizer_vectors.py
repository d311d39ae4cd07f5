"""Write sam_family.safetensors: five steps of every published member of the SAM family.

    python tests/vectors/make_optimizer_vectors.py

Each function below transcribes one reference implementation (named in its first line) with its own
constants, tensor by tensor and in place, as the authors wrote it; Saddle computes the same with
flat buffers and never touches w. Everything runs in float64 over torch.optim.SGD, on linear
regression: loss_n = 1/2 (<x_n, w> - y_n)^2, w being four tensors.
"""

import json
import os

import torch
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
STEPS, EXAMPLES = 5, 11
SHAPES = {"linear.weight": (3, 4), "norm.weight": (5,), "norm.bias": (5,), "linear.bias": (3,)}
SGD = dict(lr=0.05, momentum=0.9, weight_decay=0.01)
SETTINGS = {
    "sam": dict(rho=0.3), "asam": dict(rho=0.3, eta=0.01), "asam_elementwise": dict(rho=0.3),
    "fisher_sam": dict(rho=0.3, eta=1.0), "sam_on": dict(rho=0.3),
    "gsam": dict(rho=0.3, rho_min=0.1, lr_max=0.08, alpha=0.4),
    "looksam": dict(rho=0.3, k=2, alpha=0.7), "esam": dict(rho=0.3, beta=1.0, gamma=0.5),
    "ssam": dict(rho=0.3, sparsity=0.4), "awp": dict(gamma=0.1, proxy_lr=0.01),
}


class Problem:
    def __init__(self, x, y, start):
        self.x, self.y, offset = x.double(), y.double(), 0
        self.names, self.parameters = list(SHAPES), []
        for shape in SHAPES.values():
            count = torch.Size(shape).numel()
            values = start[offset:offset + count].double().reshape(shape)
            self.parameters.append(values.clone().requires_grad_(True))
            offset += count
        self.sgd = torch.optim.SGD(self.parameters, foreach=False, **SGD)

    def flat(self):
        return torch.cat([p.reshape(-1) for p in self.parameters])

    def losses(self):
        return 0.5 * (self.x @ self.flat() - self.y) ** 2

    def backward(self, rows=slice(None)):
        self.sgd.zero_grad()
        self.losses()[rows].mean().backward()
        return [p.grad.clone() for p in self.parameters]

    @torch.no_grad()
    def add(self, shifts, sign=1):
        for p, shift in zip(self.parameters, shifts):
            p.add_(sign * shift)

    def two_passes(self, shifts):
        self.add(shifts)
        g_hat = self.backward()
        self.add(shifts, -1)
        return g_hat

    def descend(self, gradients):
        for p, g in zip(self.parameters, gradients):
            p.grad = g.clone()
        self.sgd.step()


def norm(tensors):
    return torch.norm(torch.stack([torch.norm(t) for t in tensors]))


def dot(a, b):
    return sum((s * t).sum() for s, t in zip(a, b))


def sam(problem, step, o):
    """davda54/sam."""
    g = problem.backward()
    scale = o["rho"] / (norm(g) + 1e-12)
    problem.descend(problem.two_passes([t * scale for t in g]))


def asam(problem, step, o):
    """SamsungLabs/ASAM, asam.py."""
    g = problem.backward()
    t_w = [p.detach().abs() + o["eta"] if "weight" in name else None
           for name, p in zip(problem.names, problem.parameters)]
    scaled = [t * d if t is not None else d for t, d in zip(t_w, g)]
    total = norm(scaled) + 1e-16
    problem.descend(problem.two_passes(
        [(t * d if t is not None else d) * o["rho"] / total for t, d in zip(t_w, scaled)]))


def asam_elementwise(problem, step, o):
    """davda54/sam with adaptive=True."""
    g = problem.backward()
    w = [p.detach() for p in problem.parameters]
    scale = o["rho"] / (norm([v.abs() * d for v, d in zip(w, g)]) + 1e-12)
    problem.descend(problem.two_passes([v ** 2 * d * scale for v, d in zip(w, g)]))


def fisher_sam(problem, step, o):
    """Kim et al. 2022: eps = rho F^-1 g / sqrt(g F^-1 g), F = 1 + eta g^2."""
    g = problem.backward()
    u = [d / (1 + o["eta"] * d ** 2) for d in g]
    scale = o["rho"] / dot(g, u).sqrt()
    problem.descend(problem.two_passes([d * scale for d in u]))


def sam_on(problem, step, o):
    """mueller-mp/SAM-ON: only tensors of normalisation layers, norm over those."""
    g = problem.backward()
    chosen = [d if "norm" in name else torch.zeros_like(d) for name, d in zip(problem.names, g)]
    scale = o["rho"] / (norm(chosen) + 1e-12)
    problem.descend(problem.two_passes([d * scale for d in chosen]))


def gsam(problem, step, o):
    """juntang-zhuang/GSAM, gsam.py, lr_min = 0."""
    rho = o["rho_min"] + (o["rho"] - o["rho_min"]) * SGD["lr"] / o["lr_max"]
    g = problem.backward()
    g_hat = problem.two_passes([d * rho / (norm(g) + 1e-12) for d in g])
    cosine = dot(g, g_hat) / (norm(g) * norm(g_hat))
    vertical = [d - cosine * norm(g) * h / norm(g_hat) for d, h in zip(g, g_hat)]
    problem.descend([h - o["alpha"] * v for h, v in zip(g_hat, vertical)])


def looksam(problem, step, o):
    """Liu et al. 2022, algorithm 1."""
    g = problem.backward()
    if step % o["k"] == 0:
        g_hat = problem.two_passes([d * o["rho"] / norm(g) for d in g])
        along = dot(g_hat, g) / norm(g) ** 2
        problem.kept = [h - along * d for h, d in zip(g_hat, g)]
        return problem.descend(g_hat)
    scale = o["alpha"] * norm(g) / norm(problem.kept)
    problem.descend([d + scale * v for d, v in zip(g, problem.kept)])


def esam(problem, step, o):
    """dydjw9/Efficient_SAM, Esam.py (beta = 1: no tensor is frozen)."""
    before = problem.losses().detach()
    g = problem.backward()
    shifts = [d * o["rho"] / (o["beta"] * (norm(g) + 1e-7)) for d in g]
    problem.add(shifts)
    rise = problem.losses().detach() - before
    position = int(EXAMPLES * o["gamma"])
    cutoff = torch.topk(rise, position)[0][-1]
    g_hat = problem.backward(rise > cutoff)
    problem.add(shifts, -1)
    problem.descend(g_hat)


def ssam(problem, step, o):
    """Mi-Peng/Sparse-Sharpness-Aware-Minimization, SSAM-F; the mask is made before the first step."""
    if step == 0:
        fisher = [torch.zeros_like(p) for p in problem.parameters]
        for n in range(EXAMPLES):
            for total, d in zip(fisher, problem.backward([n])):
                total.add_(d ** 2)
        flat = torch.cat([f.reshape(-1) for f in fisher])
        live = int((1 - o["sparsity"]) * flat.numel())
        chosen = torch.zeros_like(flat)
        chosen[torch.sort(flat, descending=True)[1][:live]] = 1
        pieces = torch.split(chosen, [p.numel() for p in problem.parameters])
        problem.mask = [c.reshape(p.shape) for c, p in zip(pieces, problem.parameters)]
    g = problem.backward()
    scale = o["rho"] / (norm(g) + 1e-7)
    problem.descend(problem.two_passes([m * d * scale for m, d in zip(problem.mask, g)]))


def awp(problem, step, o):
    """csdongxian/AWP, utils_awp.py: a proxy takes a step, the difference is scaled, then restored."""
    g = problem.backward()
    shifts = []
    for name, p, d in zip(problem.names, problem.parameters, g):
        w = p.detach()
        proxy = w + o["proxy_lr"] * d  # descent on -loss
        if w.dim() > 1 and "weight" in name:
            shifts.append(o["gamma"] * (proxy - w) * w.norm() / ((proxy - w).norm() + 1e-20))
        else:
            shifts.append(torch.zeros_like(w))
    problem.add(shifts)
    problem.backward()
    problem.sgd.step()
    problem.add(shifts, -1)


def main():
    generator = torch.Generator().manual_seed(11)
    count = sum(torch.Size(shape).numel() for shape in SHAPES.values())
    x = torch.randn(EXAMPLES, count, generator=generator) * 0.5
    y = torch.randn(EXAMPLES, generator=generator)
    start = torch.randn(count, generator=generator)
    tensors = {"x": x, "y": y, "start": start}
    for name, options in SETTINGS.items():
        problem, after = Problem(x, y, start), []
        for step in range(STEPS):
            globals()[name](problem, step, options)
            after.append(problem.flat().detach().float())
        tensors[name + ".parameters"] = torch.stack(after)
    about = dict(torch=torch.__version__, command="python tests/vectors/make_optimizer_vectors.py",
                 sgd=SGD, methods=SETTINGS, steps=STEPS)
    save_file(tensors, os.path.join(HERE, "sam_family.safetensors"),
              metadata={"vectors": json.dumps(about, sort_keys=True)})


if __name__ == "__main__":
    main()
