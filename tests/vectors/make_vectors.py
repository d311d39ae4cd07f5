"""Write the stored answers of PyTorch that Saddle's tests compare against (see README.md).

    python tests/vectors/make_vectors.py

in a virtual environment with torch, numpy and safetensors (some minutes).

Everything is computed in float64 from inputs that are exactly representable in float32, and stored
as float32: the answers carry no rounding of their own beyond the last store, so that a difference
is Saddle's. The script also runs everything in float32 and prints how far the two are apart. That
is what an honest float32 engine may be expected to reach; where it is large the script refuses to
write.

A network of ReLUs has kinks. An activation that is zero up to rounding is on in one correct
implementation and off in the next; the gradients then differ by a visible jump, and a few training
steps later everything does. A vector through such a point tests luck. So the script measures the
kink distance, the smallest |input of a ReLU| over all passes behind a vector, and searches seeds
and learning rates for a large one, in units of what rounding does to the results. PGD's sign step
has the same trouble at gradient elements near zero, and the same remedy.
"""

import copy
import json
import os
import warnings

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from preact_resnet import Normalised, build

HERE = os.path.dirname(os.path.abspath(__file__))
COMMAND = "python tests/vectors/make_vectors.py"
STEPS = 5

NETWORKS = {
    "preact_resnet10": dict(width=4, input_shape=[1, 28, 28], classes=10, batch=6,
                            mean=[0.2860], std=[0.3530],
                            optimizers=["sgd", "nesterov", "adam", "adamw", "sam"]),
    # Small images and few: every activation is one more chance of a kink within rounding.
    "preact_resnet18": dict(width=4, input_shape=[3, 16, 16], classes=10, batch=3,
                            mean=[0.4914, 0.4822, 0.4465], std=[0.2471, 0.2435, 0.2616],
                            optimizers=["sgd", "adam", "sam"]),  # the others: to save space
}

# Each lr is where a search starts: what was used, at most LEARNING_RATES - 1 per cent less, stands
# in the file's metadata. Small enough that rounding is not amplified much from step to step; decay
# large enough that forgetting it on one tensor changes that tensor far beyond rounding.
OPTIMIZERS = {
    "sgd": dict(lr=0.005, momentum=0.9, weight_decay=5e-3),
    "nesterov": dict(lr=0.005, momentum=0.9, weight_decay=5e-3, nesterov=True),
    "adam": dict(lr=1e-3, weight_decay=5e-3, betas=(0.9, 0.999), eps=1e-8),
    "adamw": dict(lr=1e-3, weight_decay=0.1, betas=(0.9, 0.999), eps=1e-8),
    # SAM around that SGD. Both passes run in train mode, so running statistics move twice a step.
    "sam": dict(rho=0.05, norm_guard=1e-12, lr=0.003, momentum=0.9, weight_decay=5e-3),
}

ATTACKS = {
    "pgd_linf": dict(norm="linf", eps=8 / 255, alpha=2 / 255, steps=10),
    "pgd_l2": dict(norm="l2", eps=128 / 255, alpha=15 / 255, steps=10),
}

# How many candidates the searches for a wide margin try.
NETWORK_SEEDS = 32
LEARNING_RATES = 30
START_SEEDS = 32

# How far float32 may be from float64, as ||a - b|| / ||b|| per tensor. Beyond this the vector is
# not stored.
MAX_RELATIVE_DIFFERENCE = 2e-5
MAX_ATTACK_DIFFERENCE = 1e-6  # absolute, in pixels' unit


# ---------------------------------------------------------------- inputs

def make_network(config, seed):
    """A network in float32 whose batch-norm is away from weight 1, bias 0, so that mix-ups show."""
    torch.manual_seed(seed)
    network = build(config["name"], config["width"], config["input_shape"][0], config["classes"])
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.2)
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 1.5)
    return network


def make_images(config):
    """Smooth blobs with noise, in whole 255ths; some are 0 or 1, so that the box is felt."""
    channels, height, width = config["input_shape"]
    coarse = torch.randn(config["batch"], channels, 5, 5)
    blobs = F.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=True)
    pixels = 0.5 + 0.35 * blobs + 0.05 * torch.randn(config["batch"], channels, height, width)
    return (pixels.clamp(0, 1) * 255).round() / 255


def make_model(config, network, dtype):
    """The same float32 numbers as `network`, `mean` and `std`, to be computed with in `dtype`."""
    mean = torch.tensor(config["mean"], dtype=torch.float32).to(dtype)
    std = torch.tensor(config["std"], dtype=torch.float32).to(dtype)
    return Normalised(copy.deepcopy(network).to(dtype), mean, std)


class KinkDistance:
    """Inside `with KinkDistance(model) as kink`, kink.smallest is the smallest |ReLU input| so far.

    Every batch-norm of a PreActResNet feeds a ReLU, so the batch-norms' outputs are what to watch.
    Their scale is about 1: the number compares with float32's rounding, some 1e-7 an operation.
    """

    def __init__(self, model):
        self.smallest = float("inf")
        self.layers = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]

    def watch(self, module, inputs, output):
        self.smallest = min(self.smallest, output.detach().abs().min().item())

    def __enter__(self):
        self.hooks = [layer.register_forward_hook(self.watch) for layer in self.layers]
        return self

    def __exit__(self, *_):
        for hook in self.hooks:
            hook.remove()


def relative_difference(rounded, exact):
    scale = exact.double().norm().item()
    return (rounded.double() - exact.double()).norm().item() / max(scale, 1e-30)


def float32_runs(run):
    """Results of run() in float32 by two convolution libraries: two samples of rounding."""
    for onednn in (True, False):
        with torch.backends.mkldnn.flags(enabled=onednn):
            yield run()


def rounding_margin(run):
    """How far run(dtype) -> (tensors, kink distance) stays from kinks, in units of rounding.

    The unit is the worst relative difference that float32 makes to a result. A run in which float32
    has already crossed a kink has a large one, and so a tiny margin.
    """
    exact, kink = run(torch.float64)
    return kink / max(relative_difference(rounded[name], exact[name])
                      for rounded, _ in float32_runs(lambda: run(torch.float32))
                      for name in exact)


# ---------------------------------------------------------------- one pass

def one_pass(config, network, images, labels, dtype):
    """Forward and gradient, once in train mode (mean loss) and once in eval mode (summed loss).

    Returns (tensors, kink distance), as `train` does.
    """
    found = {}
    x = images.to(dtype, copy=True).requires_grad_(True)

    model = make_model(config, network, dtype).train()
    with KinkDistance(model) as train_kink:
        logits = model(x)
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    found["train.logits"] = logits.detach()
    found["train.loss"] = loss.detach()
    found["grad.images"] = x.grad
    for name, parameter in model.network.named_parameters():
        found["grad." + name] = parameter.grad
    for name, buffer in model.network.named_buffers():
        found["after_forward." + name] = buffer

    model = make_model(config, network, dtype).eval()
    with KinkDistance(model) as eval_kink:
        logits = model(x)
    found["eval.logits"] = logits.detach()
    found["eval.grad.images"], = torch.autograd.grad(
        F.cross_entropy(logits, labels, reduction="sum"), x)
    return found, min(train_kink.smallest, eval_kink.smallest)


def search_network(config):
    """(seed, network, images, labels) with the best margin in a first step."""
    best_margin, best = -1.0, None
    for seed in range(NETWORK_SEEDS):
        network = make_network(config, seed)
        images = make_images(config)
        labels = torch.randint(config["classes"], (config["batch"],))
        data = (config, network, images, labels)
        # Adam's first step is the sign of g, nearly: an element of g near zero makes it unsteady.
        margin = min(rounding_margin(run) for run in (
            lambda dtype: one_pass(*data, dtype),
            lambda dtype: train(*data, "sam", OPTIMIZERS["sam"], dtype, steps=1),
            lambda dtype: train(*data, "adam", OPTIMIZERS["adam"], dtype, steps=1)))
        if margin > best_margin:
            best_margin, best = margin, (seed, network, images, labels)
    print(f"  network seed {best[0]}: margin {best_margin:.1f}")
    return best


# ---------------------------------------------------------------- training

def make_optimizer(name, settings, parameters):
    settings = {k: v for k, v in settings.items() if k not in ("rho", "norm_guard")}
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}.get(name, torch.optim.SGD)
    return kind(parameters, foreach=False, **settings)


def sam_ascend(parameters, rho, norm_guard):
    """w <- w + rho g / (||g|| + guard), one norm over all parameters. Returns (old w, ||g||)."""
    saved = [p.detach().clone() for p in parameters]
    norm = torch.sqrt(sum((p.grad ** 2).sum() for p in parameters))
    with torch.no_grad():
        for p in parameters:
            p.add_(p.grad * (rho / (norm + norm_guard)))
    return saved, norm


def train(config, network, images, labels, optimizer_name, settings, dtype, steps=STEPS):
    """Optimiser steps in train mode on one batch; losses are those of a step's first pass."""
    model = make_model(config, network, dtype).train()
    parameters = list(model.network.parameters())
    optimizer = make_optimizer(optimizer_name, settings, parameters)
    x = images.to(dtype)
    losses, norms = [], []
    with KinkDistance(model) as kink:
        for _ in range(steps):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), labels)
            loss.backward()
            losses.append(loss.detach())
            if optimizer_name == "sam":
                saved, norm = sam_ascend(parameters, settings["rho"], settings["norm_guard"])
                norms.append(norm)
                optimizer.zero_grad()
                F.cross_entropy(model(x), labels).backward()
                with torch.no_grad():
                    for p, w in zip(parameters, saved):
                        p.copy_(w)
            optimizer.step()

    found = {f"{optimizer_name}.losses": torch.stack(losses)}
    if norms:
        found[f"{optimizer_name}.gradient_norms"] = torch.stack(norms)
    for name, tensor in model.network.state_dict().items():
        found[f"{optimizer_name}.final.{name}"] = tensor
    return found, kink.smallest


def search_learning_rate(config, network, images, labels, name):
    """(settings, margin) of the best margin; lr is some per cent off the constant above."""
    best_margin, best = -1.0, None
    for per_cent_less in range(LEARNING_RATES):
        lr = round(OPTIMIZERS[name]["lr"] * (1 - per_cent_less / 100), 8)
        settings = dict(OPTIMIZERS[name], lr=lr)
        margin = rounding_margin(
            lambda dtype: train(config, network, images, labels, name, settings, dtype))
        if margin > best_margin:
            best_margin, best = margin, settings
    return best, best_margin


# ---------------------------------------------------------------- attacks

def norm_per_image(v):
    return v.flatten(1).norm(dim=1).reshape(-1, 1, 1, 1)


def start_delta(attack, images, seed):
    """Random start, already clamped to the box: x + delta lies in [0, 1] up to float32 rounding."""
    generator = torch.Generator().manual_seed(seed)
    if attack["norm"] == "linf":
        delta = (2 * torch.rand(images.shape, generator=generator) - 1) * attack["eps"]
    else:
        v = torch.randn(images.shape, generator=generator)
        radius = torch.rand(images.shape[0], 1, 1, 1, generator=generator)
        delta = attack["eps"] * radius * v / norm_per_image(v)
    return (images + delta).clamp(0, 1) - images


def pgd(config, network, images, labels, attack, delta, dtype):
    """Returns (adversarial, distance from what rounding could decide).

    The distance is the kink distance and, for the sign step, also the smallest |gradient element|
    in units of the root mean square of its image's gradient.
    """
    model = make_model(config, network, dtype).eval()
    x = images.to(dtype)
    eps, alpha = attack["eps"], attack["alpha"]
    x_adv = (x + delta.to(dtype)).clamp(0, 1)
    smallest_gradient = float("inf")
    with KinkDistance(model) as kink:
        for _ in range(attack["steps"]):
            x_adv.requires_grad_(True)
            g, = torch.autograd.grad(F.cross_entropy(model(x_adv), labels, reduction="sum"), x_adv)
            with torch.no_grad():
                if attack["norm"] == "linf":
                    rms = norm_per_image(g) / g[0].numel() ** 0.5
                    smallest_gradient = min(smallest_gradient, (g.abs() / rms).min().item())
                    delta = (x_adv + alpha * g.sign() - x).clamp(-eps, eps)
                else:
                    delta = x_adv + alpha * g / (norm_per_image(g) + 1e-10) - x
                    delta = delta * (eps / norm_per_image(delta)).clamp(max=1)
                x_adv = (x + delta).clamp(0, 1)
    return x_adv.detach(), min(kink.smallest, smallest_gradient)


def search_start(config, network, images, labels, attack):
    """The starting point whose attack stays farthest from what rounding could decide."""
    best_distance, best = 0.0, None
    for seed in range(START_SEEDS):
        delta = start_delta(attack, images, seed)
        adversarial, distance = pgd(config, network, images, labels, attack, delta, torch.float64)
        if distance > best_distance:
            best_distance, best = distance, (seed, delta, adversarial)
    return *best, best_distance


# ---------------------------------------------------------------- files

def demand_agreement(title, exact, run):
    """Print the largest relative difference of run() in float32; stop if it is too large."""
    differences = {}
    for rounded in float32_runs(run):
        for name in exact:
            difference = relative_difference(rounded[name], exact[name])
            differences[name] = max(difference, differences.get(name, 0.0))
    worst = max(differences, key=differences.get)
    print(f"  {title:<20} float32 differs by at most {differences[worst]:.1e}, relative ({worst})")
    if differences[worst] > MAX_RELATIVE_DIFFERENCE:
        raise SystemExit(f"{title}: more than {MAX_RELATIVE_DIFFERENCE}; try a lower lr")


def to_file(tensors):
    """Floats as float32; integers (labels, num_batches_tracked) as they are."""
    return {name: (t.detach().float() if t.is_floating_point() else t.detach()).contiguous().clone()
            for name, t in tensors.items()}


def write(file_name, tensors, description):
    description = dict(torch=torch.__version__, command=COMMAND, **description)
    path = os.path.join(HERE, file_name)
    # One metadata entry only: the library writes several in an order that changes from run to run.
    save_file(to_file(tensors), path, metadata={"vectors": json.dumps(description, sort_keys=True)})
    print(f"  wrote {file_name}: {len(tensors)} tensors, {os.path.getsize(path) / 1024:.0f} KiB")


def write_network(name, config):
    print(name)
    config = dict(config, name=name)
    seed, network, images, labels = search_network(config)
    data = (config, network, images, labels)

    tensors = {"images": images, "labels": labels,
               "mean": torch.tensor(config["mean"]), "std": torch.tensor(config["std"])}
    tensors.update({"init." + k: v for k, v in network.state_dict().items()})

    exact, _ = one_pass(*data, torch.float64)
    demand_agreement("one pass", exact, lambda: one_pass(*data, torch.float32)[0])
    tensors.update(exact)

    optimizers = {}
    for optimizer in config["optimizers"]:
        settings, margin = search_learning_rate(*data, optimizer)
        exact, _ = train(*data, optimizer, settings, torch.float64)
        demand_agreement(f"{STEPS} steps of {optimizer}", exact,
                         lambda: train(*data, optimizer, settings, torch.float32)[0])
        print(f"    lr {settings['lr']}, margin {margin:.1f}, losses",
              " ".join(f"{v:.5f}" for v in exact[f"{optimizer}.losses"].tolist()))
        tensors.update(exact)
        optimizers[optimizer] = settings

    attacks = {}
    for attack_name, attack in ATTACKS.items():
        start_seed, delta, adversarial, distance = search_start(*data, attack)
        difference = max((adversarial - rounded.double()).abs().max().item() for rounded in
                         float32_runs(lambda: pgd(*data, attack, delta, torch.float32)[0]))
        model = make_model(config, network, torch.float64).eval()
        before, after = (F.cross_entropy(model(x.double()), labels).item()
                         for x in (images, adversarial))
        print(f"  {attack_name}: start seed {start_seed}, distance from kinks {distance:.1e}, "
              f"float32 within {difference:.1e}, mean loss {before:.4f} -> {after:.4f}")
        if difference > MAX_ATTACK_DIFFERENCE:
            raise SystemExit(f"{attack_name}: more than {MAX_ATTACK_DIFFERENCE}; "
                             "try more START_SEEDS")
        tensors[attack_name + ".start"] = delta
        tensors[attack_name + ".adversarial"] = adversarial
        attacks[attack_name] = dict(attack, start_seed=start_seed)

    write(name + ".safetensors", tensors,
          dict(model=name, options={"width": config["width"]}, classes=config["classes"],
               input_shape=config["input_shape"], seed=seed, steps=STEPS, optimizers=optimizers,
               attacks=attacks))


def write_optimizers():
    """STEPS steps of each optimiser on seven parameters with given gradients; no network."""
    print("optimizers")
    settings = {
        "sgd": dict(lr=0.1, weight_decay=0.05),
        "sgd_momentum": dict(lr=0.1, momentum=0.9, weight_decay=0.05),
        "nesterov": dict(lr=0.1, momentum=0.9, weight_decay=0.05, nesterov=True),
        "adam": dict(lr=0.01, weight_decay=0.05, betas=(0.9, 0.999), eps=1e-8),
        "adamw": dict(lr=0.01, weight_decay=0.05, betas=(0.9, 0.999), eps=1e-8),
    }
    generator = torch.Generator().manual_seed(7)
    start = torch.randn(7, generator=generator)
    gradients = torch.randn(STEPS, 7, generator=generator)
    gradients[0, 2] = 0.0         # zero is not the same as absent: decay and momentum still act
    gradients[:, 5] *= 1e-6       # Adam's eps must not matter much here ...
    gradients[:, 6] = 0.0         # ... and decay alone drives this one
    tensors = {"start": start, "gradients": gradients}
    for name, values in settings.items():
        w = start.double().clone().requires_grad_(True)
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}.get(name, torch.optim.SGD)
        optimizer = kind([w], foreach=False, **values)
        after = []
        for g in gradients:
            w.grad = g.double()
            optimizer.step()
            after.append(w.detach().clone())
        tensors[name + ".parameters"] = torch.stack(after)  # [step, parameter], after each step
    write("optimizers.safetensors", tensors, dict(optimizers=settings, steps=STEPS))


if __name__ == "__main__":
    torch.set_num_threads(1)  # sums in one order, so that a second run gives the same bytes
    torch.use_deterministic_algorithms(True)
    warnings.filterwarnings("ignore", message="TF32 acceleration")  # of hardware not used here
    for network_name, network_config in NETWORKS.items():
        write_network(network_name, network_config)
    write_optimizers()
