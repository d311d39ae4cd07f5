"""Write deeplab.safetensors: DeepLabv3's passes and steps, and the ops they are made of.

    python tests/vectors/make_deeplab_vectors.py

in a virtual environment with torch, numpy and safetensors (some minutes). The network is
deeplab.py's, the ops are segmentation_ops.py's. As in make_vectors.py: everything in float64 from
float32 inputs.

Kinks are kept away from as kinks.py measures it. First a seed of the weights is searched with which
one pass of all variants that share them stays PASS_MARGIN roundings away everywhere, then for each
variant and optimiser a learning rate, and a rho, with which all passes of the steps stay
STEPS_MARGIN away.
"""

import copy
import functools
import itertools
import warnings

import torch
import torch.nn as nn
import torch.nn.functional as F

import make_vectors as common
import segmentation_ops
from deeplab import deeplab_mobilenetv2, deeplab_resnet50
from kinks import LAYOUTS, Decisions, gap_of_two_largest, margin

common.COMMAND = "python tests/vectors/make_deeplab_vectors.py"
BATCH = dict(batch=2, input_shape=[3, 65, 49], classes=5, void=255, void_shares=[0.04, 0.12])

# Of `weights` all gradients are stored: stem, dilated convolution, pooled branch, last bias and
# ASPP's first rate. `norms`: the backbone's last batch-norm and the head's.
HEAD = "classifier.classifier."
POOLED, BIAS, RATE = (HEAD + name for name in ("0.convs.4.1.weight", "4.bias",
                                               "0.convs.1.0.weight"))
NETWORKS = {
    "mobilenetv2": dict(
        options=dict(width=0.125, aspp_channels=8),
        weights=["backbone.low_level_features.0.0.weight",
                 "backbone.high_level_features.15.conv.1.0.weight", POOLED, BIAS, RATE],
        norms=["backbone.high_level_features.17.conv.3", HEAD + "2"]),
    "resnet50": dict(
        options=dict(planes=2, aspp_channels=4),
        weights=["backbone.conv1.weight", "backbone.layer4.1.conv2.weight", POOLED, BIAS, RATE],
        norms=["backbone.layer4.2.bn3", HEAD + "2"]),
}
BUILDERS = {"mobilenetv2": deeplab_mobilenetv2, "resnet50": deeplab_resnet50}

# The features are 4 x 3, 9 x 7, 5 x 4 and 9 x 7: of some rates the centre tap alone is on the map,
# of one a column of taps, of some all.
VARIANTS = {
    "mobilenetv2_os16_before": dict(output_stride=16, rates=[6, 12, 18], padding="before"),
    "mobilenetv2_os8_inside": dict(output_stride=8, rates=[2, 4, 6], padding="inside"),
    "resnet50_os16": dict(output_stride=16, rates=[6, 12, 18]),
    "resnet50_os8": dict(output_stride=8, rates=[2, 8, 12]),
}

STEPS = 3
OPTIMIZERS = {  # where a search starts: each attempt takes a thousandth less of lr and rho
    "sgd3": dict(lr=0.01, momentum=0.9, weight_decay=1e-4),
    "sam3": dict(rho=0.02, norm_guard=1e-12, lr=0.01, momentum=0.9, weight_decay=1e-4),
}

PASS_MARGIN, STEPS_MARGIN = 3.0, 2.0
SEEDS, ATTEMPTS = 1000, 400
MAX_MOVE_DIFFERENCE = 1e-3  # of float32, relative to how far the steps moved a tensor, by some 1e-3
EVERY_LOGIT, EVERY_PIXEL = 4, 2  # to save space: rows and columns of what is stored in part


# ---------------------------------------------------------------- inputs

def make_batch():
    """Images in whole 255ths, [N, 3, H, W]; labels, blobs with some void pixels, [N, H, W]."""
    torch.manual_seed(0)
    images = common.make_images(BATCH)
    images[1] = (images[1] * 127.5).round() / 255  # darker: means over pixels should differ
    scores = torch.randn(BATCH["batch"], BATCH["classes"], 6, 5)
    labels = F.interpolate(scores, images.shape[2:], mode="bilinear").argmax(dim=1)
    # Unlike shares: a mean over the batch's valid pixels is not a mean over images' means.
    shares = torch.tensor(BATCH["void_shares"]).reshape(-1, 1, 1)
    labels[torch.rand(labels.shape) < shares] = BATCH["void"]
    return images, labels


def network_of(variant):
    return variant.split("_")[0]


def build(variant):
    network = network_of(variant)
    return BUILDERS[network](classes=BATCH["classes"], dropout=0.0, **VARIANTS[variant],
                             **NETWORKS[network]["options"])


def batch_norms(model):
    return [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]


def is_linear(name):
    """Whether no activation follows this batch-norm before something is added."""
    return name.endswith(("bn3", ".conv.3", "features.1.conv.2"))


def randomise_norm(norm, linear, ceiling):
    """Activations of most channels stay clear of the kinks, those of some channels cross them.

    If all crossed, fifty layers would make rounding large and kinks many.
    """
    norm.weight.uniform_(0.5, 1)
    norm.bias.normal_(0 if linear else 3, 0.3)
    if not linear:
        norm.bias[::16 if ceiling else 4].normal_(0, 0.3)
    if ceiling and not linear:
        norm.bias[1::16].uniform_(5, 6)


def randomise_weights(model):
    for parameter in model.parameters():
        if parameter.dim() == 4:
            parameter.normal_(0, (2 / parameter[0].numel()) ** 0.5)
            # Activations are about 3: of their mean little should be left to be subtracted again.
            parameter -= 0.9 * parameter.mean(dim=(1, 2, 3), keepdim=True)
    for name, norm in model.named_modules():
        if isinstance(norm, nn.BatchNorm2d):
            randomise_norm(norm, is_linear(name), ceiling="features" in name)
    model.get_parameter(BIAS).normal_(0, 0.5)
    # The pooled branch normalises two values to about +1 and -1, whatever they are, and has next to
    # no gradient, unless they differ by little more than batch-norm's eps can tell.
    model.get_parameter(POOLED).mul_(0.02)


def disturb_statistics(norm):
    norm.running_mean += 0.1 * norm.running_var.sqrt() * torch.randn(norm.running_mean.shape)
    norm.running_var *= 0.75 + 0.5 * torch.rand(norm.running_var.shape)


def make_state(network, images, seed):
    """The state_dict that all variants of the network start from.

    Running statistics are near what the variants' layers make of the batch, on average: with
    others an evaluation of fifty layers dies away.
    """
    torch.manual_seed(seed)
    models = [build(v) for v in VARIANTS if network_of(v) == network]
    with torch.no_grad():
        randomise_weights(models[0])
        state = models[0].state_dict()
        for i, model in enumerate(models):
            model.load_state_dict(state)
            for norm in batch_norms(model):
                norm.momentum = 1 / (i + 1)
            model.train()(images)
            state = model.state_dict()
        for norm in batch_norms(models[-1]):
            disturb_statistics(norm)
    return state


class Case:
    """A variant with weights, and a batch."""

    def __init__(self, variant, state, images, labels):
        self.variant, self.images, self.labels = variant, images, labels
        self.network = build(variant)
        self.network.load_state_dict(state)
        self.weights = NETWORKS[network_of(variant)]["weights"]
        self.norms = NETWORKS[network_of(variant)]["norms"]

    def model(self, dtype, layout):
        return copy.deepcopy(self.network).to(dtype=dtype, memory_format=layout)

    def pixels(self, dtype, layout):
        return self.images.to(dtype, copy=True).contiguous(memory_format=layout)

    def loss(self, logits, reduction="mean"):
        """Over the valid pixels."""
        return F.cross_entropy(logits, self.labels, ignore_index=BATCH["void"],
                               reduction=reduction)

    def batch_norm_parameters(self):
        return [name for name, p in self.network.named_parameters()
                if p.dim() == 1 and name != BIAS]


# ---------------------------------------------------------------- one pass

def scores(case, logits):
    """[N] each: valid pixels, and those of them whose largest logit is the label's."""
    valid = case.labels != BATCH["void"]
    return valid.sum(dim=(1, 2)), ((logits.argmax(dim=1) == case.labels) & valid).sum(dim=(1, 2))


def every(step, image):
    return image.detach()[:, :, ::step, ::step]


def forward(case, model, x, mode):
    """(logits, what the file has of them, decisions)"""
    with Decisions(model) as made:
        features = model.features(x)
    logits = F.interpolate(features, x.shape[2:], mode="bilinear")
    found = {mode + ".features": features.detach(), mode + ".logits": every(EVERY_LOGIT, logits)}
    found[mode + ".valid"], found[mode + ".right"] = scores(case, logits)
    winners = gap_of_two_largest(logits.detach().movedim(1, -1)), [0]
    return logits, found, made.list + [winners]


def one_pass(case, dtype, layout):
    """Forward and gradient, once in train mode (mean loss) and once in eval mode (summed loss)."""
    x = case.pixels(dtype, layout).requires_grad_(True)

    model = case.model(dtype, layout).train()
    logits, found, decisions = forward(case, model, x, "train")
    loss = case.loss(logits)
    loss.backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    found["train.loss"] = loss.detach()
    found["grad.images"] = x.grad
    found["grad.norms"] = torch.stack([gradients[name].norm() for name in sorted(gradients)])
    found.update({"grad." + name: gradients[name]
                  for name in case.weights + case.batch_norm_parameters()})
    found.update({"after_forward." + name: b for name, b in model.named_buffers()
                  if b.is_floating_point()})

    model = case.model(dtype, layout).eval()
    logits, more, more_decisions = forward(case, model, x, "eval")
    found.update(more)
    found["eval.losses"] = case.loss(logits, "none").detach().sum(dim=(1, 2))
    found["eval.grad.images"] = every(EVERY_PIXEL,
                                      torch.autograd.grad(case.loss(logits, "sum"), x)[0])
    return found, decisions + more_decisions


# ---------------------------------------------------------------- three steps

def train(case, title, settings, dtype, layout):
    """Steps of SGD or of SAM around it in train mode; losses are those of a step's first pass."""
    model = case.model(dtype, layout).train()
    x = case.pixels(dtype, layout)
    parameters = list(model.parameters())
    optimizer = common.make_optimizer("sgd", settings, parameters)
    losses, norms = [], []
    with Decisions(model) as made:
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss = case.loss(model(x))
            loss.backward()
            losses.append(loss.detach())
            norms.append(torch.stack([p.grad.norm() for p in parameters]).norm())
            if "rho" in settings:
                saved, _ = common.sam_ascend(parameters, settings["rho"], settings["norm_guard"])
                optimizer.zero_grad()
                case.loss(model(x)).backward()
                with torch.no_grad():
                    for p, w in zip(parameters, saved):
                        p.copy_(w)
            optimizer.step()

    state = model.state_dict()
    kept = case.weights + [f"{norm}.running_{what}" for norm in case.norms
                           for what in ("mean", "var")]
    found = {f"after_{title}.{name}": state[name] for name in kept if name != RATE}
    found.update({f"{title}.losses": torch.stack(losses),
                  f"{title}.gradient_norms": torch.stack(norms)})
    return found, made.list


# ---------------------------------------------------------------- agreement

def float32_runs(run):
    """Tensors of run(dtype, layout): two libraries, two layouts, one thread and two."""
    for onednn, layout, threads in itertools.product((True, False), LAYOUTS, (1, 2)):
        torch.set_num_threads(threads)
        with torch.backends.mkldnn.flags(enabled=onednn):
            yield run(torch.float32, layout)[0]
    torch.set_num_threads(1)


def differences(run, exact, start=None):
    """The largest relative difference of float32 in each tensor, or in how far it is from start."""
    found = dict.fromkeys(exact, 0.0)
    for rounded in float32_runs(run):
        for name, value in exact.items():
            origin = start[name].double() if start else 0.0
            found[name] = max(found[name], common.relative_difference(
                rounded[name].double() - origin, value.double() - origin))
    return found


def demand(title, found, limit=common.MAX_RELATIVE_DIFFERENCE):
    name = max(found, key=found.get)
    print(f"  {title}: float32 differs by at most {found[name]:.1e}, relative ({name})", flush=True)
    if found[name] > limit:
        raise SystemExit(f"{title}: more than {limit}")


# ---------------------------------------------------------------- searches

def stored_pass(case):
    """(tensors, their differences).

    Without the gradients of batch-norms of which float32 has not five digits: they are nearly nil
    by structure, as that of a shift which the next batch-norm takes away again.
    """
    run = functools.partial(one_pass, case)
    exact, _ = run(torch.float64, LAYOUTS[0])
    found = differences(run, exact)
    for name in case.batch_norm_parameters():
        if found["grad." + name] > common.MAX_RELATIVE_DIFFERENCE:
            del exact["grad." + name], found["grad." + name]
    return exact, found


def keeps_away(run, distance):
    return margin(run, distance) >= distance


def search_seed(network, images, labels):
    """(seed, state, cases): the first with which one pass of each variant is steady."""
    for seed in range(SEEDS):
        state = make_state(network, images, seed)
        cases = [Case(v, state, images, labels) for v in VARIANTS if network_of(v) == network]
        if (all(keeps_away(functools.partial(one_pass, case), PASS_MARGIN) for case in cases)
                and all(max(stored_pass(case)[1].values()) <= common.MAX_RELATIVE_DIFFERENCE
                        for case in cases)):
            return seed, state, cases
    raise SystemExit(f"{network}: no seed of {SEEDS} keeps away from kinks; try more")


def search_settings(case, title):
    for attempt in range(ATTEMPTS):
        settings = dict(OPTIMIZERS[title])
        for name in settings.keys() & {"lr", "rho"}:
            settings[name] = round(settings[name] * (1 - attempt / 1000), 8)
        if keeps_away(functools.partial(train, case, title, settings), STEPS_MARGIN):
            return settings
    raise SystemExit(f"{case.variant}, {title}: no attempt keeps away from kinks; try more")


# ---------------------------------------------------------------- the file

def add(tensors, prefix, more):
    tensors.update({f"{prefix}.{name}": t for name, t in more.items()})


def write_steps(case, title, tensors):
    settings = search_settings(case, title)
    run = functools.partial(train, case, title, settings)
    exact, _ = run(torch.float64, LAYOUTS[0])
    demand(f"{title}, lr {settings['lr']}, margin {margin(run):.1f}", differences(run, exact))
    first = {f"after_{title}.{name}": t for name, t in case.network.state_dict().items()}
    moved = {name: value for name, value in exact.items() if name in first}
    demand("  of moves", differences(run, moved, first), MAX_MOVE_DIFFERENCE)
    print("    losses", " ".join(f"{v:.5f}" for v in exact[title + ".losses"].tolist()))
    add(tensors, case.variant, exact)
    return settings


def write_network(network, images, labels, tensors):
    """Adds to `tensors`; returns what the metadata say of the network and of its variants."""
    seed, state, cases = search_seed(network, images, labels)
    print(f"{network}: seed {seed}")
    add(tensors, network + ".init", {name: t for name, t in state.items()
                                     if t.is_floating_point()})
    variants = {}
    for case in cases:
        print(case.variant)
        exact, found = stored_pass(case)
        demand(f"one pass, margin {margin(functools.partial(one_pass, case)):.1f}", found)
        add(tensors, case.variant, exact)
        optimizers = {title: write_steps(case, title, tensors) for title in OPTIMIZERS}
        variants[case.variant] = dict(VARIANTS[case.variant], network=network,
                                      optimizers=optimizers)
    return dict(NETWORKS[network]["options"], seed=seed), variants


def main():
    images, labels = make_batch()
    tensors, networks, variants = {"images": images, "labels": labels}, {}, {}
    for network in NETWORKS:
        networks[network], more = write_network(network, images, labels, tensors)
        variants.update(more)
    ops = segmentation_ops.all_ops(torch.float64)
    demand("ops", differences(lambda dtype, _: (segmentation_ops.all_ops(dtype), []), ops))
    add(tensors, "ops", ops)
    common.write("deeplab.safetensors", tensors, dict(
        BATCH, every_logit=EVERY_LOGIT, every_pixel=EVERY_PIXEL, dropout=0.0, steps=STEPS,
        networks=networks, variants=variants,
        ops=dict(segmentation_ops.DEPTHWISE, **segmentation_ops.CONVOLUTIONS)))


if __name__ == "__main__":
    torch.set_num_threads(1)  # sums in one order, so that a second run gives the same bytes
    torch.use_deterministic_algorithms(True)
    warnings.filterwarnings("ignore", message="TF32 acceleration")  # of hardware not used here
    main()
