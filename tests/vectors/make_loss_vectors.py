"""Write losses.safetensors: some steps of SGD on each loss that a training can descend.

    python tests/vectors/make_loss_vectors.py

in a virtual environment with torch, numpy and safetensors (some minutes). TRADES, FreeAT, FastAT,
label smoothing, Mixup and CutMix, each written here from its paper or its authors' code (named in
the function's first line). As in make_vectors.py: everything in float64 from float32 inputs.

Kinks (make_vectors.py says what they are) are kept away from otherwise than there: the methods are
run in float32 SAMPLES times with noise added to every batch-norm's output, more than rounding
brings by itself, and the first seed is taken with which all of these agree with float64.

Random numbers are Philox 4x32-10 (Salmon et al. 2011) with Saddle's counters, so that a training
which draws for itself, given the seed stored here, draws the starts, shares and boxes stored here.
"""

import json
import os
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from make_vectors import (HERE, make_images, make_model, make_network, relative_difference, to_file)

COMMAND = "python tests/vectors/make_loss_vectors.py"
BATCH, BATCHES = 6, 2  # FreeAT alone sees the second batch
# Small images: every activation and every pixel's sign is one more chance of a kink.
NETWORK = dict(name="preact_resnet10", width=2, input_shape=[1, 12, 12], classes=10,
               batch=BATCH * BATCHES, mean=[0.2860], std=[0.3530])
TRAINING = dict(steps=5, lr=0.02, momentum=0.9, weight_decay=5e-3)
# Defaults of the papers, where they have any. `trades` is given its adversarial images: the random
# starts in a wide ball, from where nothing climbs. `trades_smoothed` is the whole method; it decides
# on so many signs, 864 in each of its climbs' steps, that two steps of training are all that
# rounding leaves alone.
METHODS = {
    "label_smoothing": dict(TRAINING, label_smoothing=0.1),
    "mixup": dict(TRAINING, mixup=1.0),
    "cutmix": dict(TRAINING, cutmix=1.0, label_smoothing=0.1),
    "fgsm_rs": dict(TRAINING, eps=8 / 255, alpha=10 / 255, climbs=1),
    "free": dict(TRAINING, steps=6, eps=8 / 255, replays=3),
    "trades": dict(TRAINING, beta=6.0, eps=0.1, climbs=0),
    "trades_smoothed": dict(TRAINING, steps=2, beta=6.0, eps=0.031, alpha=0.007, climbs=10,
                            deviation=0.001, label_smoothing=0.1),
}
NETWORK_SEED = 0
ATTEMPTS, SAMPLES = 400, 64
# Some two or three times what float32 does by itself; batch-norm's outputs are about 1.
NOISE = {True: 4 * 2.0**-24, False: 1.5 * 2.0**-24}  # in train mode, in eval mode
MAX_RELATIVE_DIFFERENCE = 3e-4  # of how far all steps moved a tensor; of anything else, as it is


# ---------------------------------------------------------------- random numbers

ATTACK_START, MIXING = 4, 31  # what a draw is for


def philox(key, counter):
    """Ten rounds on four arrays of 32-bit words, each held in 64 bits."""
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    c = [np.asarray(word, np.uint64) for word in np.broadcast_arrays(*counter)]
    keys = [key & 0xFFFFFFFF, key >> 32]
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        k0, k1 = (np.uint64(k) for k in keys)
        c = [(p1 >> half) ^ c[1] ^ k0, p1 & low, (p0 >> half) ^ c[3] ^ k1, p0 & low]
        keys = [(keys[0] + 0x9E3779B9) & 0xFFFFFFFF, (keys[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def pixel_words(seed, step):
    """Four words for each pixel of the first batch, [BATCH, pixels]."""
    pixels = int(np.prod(NETWORK["input_shape"]))
    return philox(seed, [np.arange(pixels)[None, :], np.arange(BATCH)[:, None], step, ATTACK_START])


def uniform(words):
    return (words >> np.uint64(8)).astype(np.float64) / 2**24


def as_start(values, eps, images):
    """float32, in the ball and, added to the images, in [0, 1]."""
    delta = torch.from_numpy(values).float().reshape(images.shape)
    return torch.minimum(torch.maximum(delta.clamp(-eps, eps), -images), 1 - images)


def uniform_start(seed, step, eps, images):
    return as_start(eps * (2 * uniform(pixel_words(seed, step)[0]) - 1), eps, images)


def normal_start(seed, step, eps, deviation, images):
    words = pixel_words(seed, step)
    radius = np.sqrt(-2 * np.log(uniform(words[0]) + 0.5 / 2**24))  # Box and Muller
    return as_start(deviation * radius * np.cos(2 * np.pi * uniform(words[1])), eps, images)


def mixing_words(seed, step):
    """(share, height, width): the first uniform in (0, 1), which is Beta(1, 1); two words."""
    words = [int(word) for word in philox(seed, [0, 0, step, MIXING])]
    return np.float32((words[1] + 0.5) / 2**32), words[2], words[3]


# ---------------------------------------------------------------- one training

class Training:
    """SGD in train mode. x, y: all images and labels; o: the method's settings."""

    def __init__(self, start, o, dtype, noise=None):
        network, self.images, self.y = start
        self.model = make_model(NETWORK, network, dtype).train()
        self.optimizer = torch.optim.SGD(self.model.network.parameters(), foreach=False, lr=o["lr"],
                                         momentum=o["momentum"], weight_decay=o["weight_decay"])
        self.x, self.o, self.dtype = self.images.to(dtype), o, dtype
        self.losses, self.found = [], {}
        if noise:
            for module in self.model.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.register_forward_hook(lambda module, inputs, output: output + torch.randn(
                        output.shape, generator=noise) * NOISE[module.training])

    def first_batch(self):
        return self.x[:BATCH], self.y[:BATCH], self.images[:BATCH]

    def cross_entropy(self, x, target):
        return F.cross_entropy(self.model(x), target,
                               label_smoothing=self.o.get("label_smoothing", 0.0))

    def backward(self, loss):
        self.optimizer.zero_grad()
        loss.backward()
        self.losses.append(loss.detach())

    def descend(self, loss):
        self.backward(loss)
        self.optimizer.step()


def label_smoothing(t):
    """Szegedy et al. 2016, as torch.nn.functional.cross_entropy has it."""
    x, y, _ = t.first_batch()
    for _ in range(t.o["steps"]):
        t.descend(t.cross_entropy(x, y))


def mixed_targets(t, y, share):
    """timm, mixup.py, mixup_target: label_smoothing s spreads s / K, before labels are mixed."""
    smoothing = t.o.get("label_smoothing", 0.0)
    off = smoothing / NETWORK["classes"]
    one_hot = torch.full((BATCH, NETWORK["classes"]), off, dtype=t.dtype)
    one_hot.scatter_(1, y[:, None], 1 - smoothing + off)
    return one_hot * share + one_hot.flip(0) * (1 - share)


def soft_target_cross_entropy(logits, target):
    return torch.sum(-target * F.log_softmax(logits, dim=-1), dim=-1).mean()


def mixup(t):
    """Zhang et al. 2018, as timm's Mixup in mode batch: the batch with itself reversed."""
    x, y, _ = t.first_batch()
    shares = []
    for step in range(t.o["steps"]):
        share = float(mixing_words(t.o["seed"], step)[0])
        shares.append(share)
        mixed = x * share + x.flip(0) * (1 - share)
        if step == 0:
            t.found["images"] = mixed
        t.descend(soft_target_cross_entropy(t.model(mixed), mixed_targets(t, y, share)))
    t.found["shares"] = torch.tensor(shares)


def box_of(share, word_y, word_x):
    """timm, mixup.py, rand_bbox: top, left, bottom, right, cut off at the border."""
    _, height, width = NETWORK["input_shape"]
    ratio = np.sqrt(1 - np.float64(share))
    cut_h, cut_w = int(height * ratio), int(width * ratio)
    cy, cx = (word_y * height) >> 32, (word_x * width) >> 32
    return (max(0, cy - cut_h // 2), max(0, cx - cut_w // 2),
            min(height, cy + cut_h // 2), min(width, cx + cut_w // 2))


def cutmix(t):
    """Yun et al. 2019, as timm's Mixup in mode batch; the share is corrected to the box's area."""
    x, y, _ = t.first_batch()
    _, height, width = NETWORK["input_shape"]
    boxes, shares = [], []
    for step in range(t.o["steps"]):
        top, left, bottom, right = box = box_of(*mixing_words(t.o["seed"], step))
        share = 1 - (bottom - top) * (right - left) / (height * width)
        mixed = x.clone()
        mixed[:, :, top:bottom, left:right] = x.flip(0)[:, :, top:bottom, left:right]
        if step == 0:
            t.found["images"] = mixed
        t.descend(soft_target_cross_entropy(t.model(mixed), mixed_targets(t, y, share)))
        boxes.append(box)
        shares.append(share)
    t.found["boxes"], t.found["shares"] = torch.tensor(boxes), torch.tensor(shares)


def fgsm_rs(t):
    """Wong et al. 2020 (locuslab/fast_adversarial, train_fgsm.py): train mode throughout."""
    x, y, images = t.first_batch()
    eps, alpha = t.o["eps"], t.o["alpha"]
    for step in range(t.o["steps"]):
        start = uniform_start(t.o["seed"], step, eps, images)
        t.found[f"start.{step}"] = start
        delta = start.to(t.dtype).requires_grad_(True)
        g, = torch.autograd.grad(t.cross_entropy(x + delta, y), delta)
        with torch.no_grad():
            delta = (delta + alpha * g.sign()).clamp(-eps, eps)
            delta = torch.minimum(torch.maximum(delta, -x), 1 - x)
        t.descend(t.cross_entropy(x + delta, y))


def free(t):
    """Shafahi et al. 2019 (train_free.py of the same repository): one gradient for both players.

    A delta that comes from another batch is first fitted to the new images, so that the network
    sees no pixel outside [0, 1]; the code lets it be outside until delta's next step.
    """
    eps = t.o["eps"]
    delta = torch.zeros_like(t.x[:BATCH])
    for first in range(0, BATCH * BATCHES, BATCH):
        x, y = t.x[first:first + BATCH], t.y[first:first + BATCH]
        delta = torch.minimum(torch.maximum(delta, -x), 1 - x)
        for _ in range(t.o["replays"]):
            delta.requires_grad_(True)
            t.backward(t.cross_entropy(x + delta, y))
            with torch.no_grad():
                delta = (delta + eps * delta.grad.sign()).clamp(-eps, eps)
                delta = torch.minimum(torch.maximum(delta, -x), 1 - x)
            t.optimizer.step()
    t.found["delta"] = delta


def divergence(natural, adversarial):
    """The sum over the examples of KL(p(x) || p(x_adv))."""
    return F.kl_div(F.log_softmax(adversarial, dim=1), F.softmax(natural, dim=1), reduction="sum")


def trades_loss(t, x, x_adv, y):
    """CE(f(x), y) + beta / N sum KL: both paths differentiated, natural images seen first."""
    natural = t.model(x)
    adversarial = t.model(x_adv)
    smoothing = t.o.get("label_smoothing", 0.0)
    return (F.cross_entropy(natural, y, label_smoothing=smoothing)
            + t.o["beta"] * divergence(natural, adversarial) / len(x))


def trades(t):
    """The loss of Zhang et al. 2019 (yaodongyu/TRADES, trades.py) for given adversarial images."""
    x, y, images = t.first_batch()
    for step in range(t.o["steps"]):
        start = uniform_start(t.o["seed"], step, t.o["eps"], images)
        t.found[f"start.{step}"] = start
        t.descend(trades_loss(t, x, (x + start.to(t.dtype)).clamp(0, 1), y))


def trades_smoothed(t):
    """The whole of trades.py: the climb in eval mode, then the loss; labels smoothed in the latter.

    trades.py runs x through the network again beside x_adv, which moves the running statistics a
    third time; the paper asks for no such pass.
    """
    x, y, images = t.first_batch()
    eps = t.o["eps"]
    for step in range(t.o["steps"]):
        start = normal_start(t.o["seed"], step, eps, t.o["deviation"], images)
        t.found[f"start.{step}"] = start
        t.model.eval()
        x_adv = x + start.to(t.dtype)
        for _ in range(t.o["climbs"]):
            x_adv.requires_grad_(True)
            g, = torch.autograd.grad(divergence(t.model(x), t.model(x_adv)), x_adv)
            with torch.no_grad():
                x_adv = x_adv + t.o["alpha"] * g.sign()
                x_adv = torch.minimum(torch.maximum(x_adv, x - eps), x + eps).clamp(0, 1)
        if step == 0:
            t.found["adversarial"] = x_adv
        t.model.train()
        t.descend(trades_loss(t, x, x_adv, y))


FUNCTIONS = {"label_smoothing": label_smoothing, "mixup": mixup, "cutmix": cutmix,
             "fgsm_rs": fgsm_rs, "free": free, "trades": trades,
             "trades_smoothed": trades_smoothed}


def train(start, method, o, dtype, noise=None):
    t = Training(start, o, dtype, noise)
    FUNCTIONS[method](t)
    found = dict(t.found, losses=torch.stack(t.losses))
    for name, value in t.model.network.state_dict().items():
        if name.endswith("num_batches_tracked"):
            found["batches_tracked"] = value  # of every batch-norm alike
        else:
            found["final." + name] = value
    return found


# ---------------------------------------------------------------- the search

def moved(start, found):
    """With the final values replaced by how far they are from the first: what a test compares."""
    first = start[0].state_dict()
    return {name: value.double() - first[name[len("final."):]] if name.startswith("final.")
            else value.double() for name, value in found.items()}


def noisy_difference(start, method, o, exact, sample):
    """(largest relative difference of a float32 run, of which tensor)"""
    noise = torch.Generator().manual_seed(sample)
    with torch.backends.mkldnn.flags(enabled=sample % 2 == 0):  # two convolution libraries
        rounded = moved(start, train(start, method, o, torch.float32, noise))
    return max((relative_difference(rounded[name], value), name)
               for name, value in moved(start, exact).items())


def search(start, method):
    """(settings, tensors, worst difference) of the first attempt that all samples agree on.

    Attempt i has seed i and an lr i parts in 2000 less.
    """
    for attempt in range(ATTEMPTS):
        o = dict(METHODS[method], seed=attempt)
        o["lr"] = round(o["lr"] * (1 - attempt / 2000), 8)
        exact, worst = train(start, method, o, torch.float64), (0.0, "")
        for sample in range(SAMPLES):
            worst = max(worst, noisy_difference(start, method, o, exact, sample))
            if worst[0] > MAX_RELATIVE_DIFFERENCE:
                break
        else:
            return o, exact, worst
    raise SystemExit(f"{method}: no attempt of {ATTEMPTS} keeps away from kinks; try more")


def make_start(seed):
    network = make_network(NETWORK, seed)
    images = make_images(NETWORK)
    return network, images, torch.randint(NETWORK["classes"], (len(images),))


def write(tensors, about):
    path = os.path.join(HERE, "losses.safetensors")
    description = dict(about, torch=torch.__version__, command=COMMAND, batch=BATCH,
                       network=NETWORK)
    save_file(to_file(tensors), path, metadata={"vectors": json.dumps(description, sort_keys=True)})
    print(f"wrote {path}: {len(tensors)} tensors, {os.path.getsize(path) / 1024:.0f} KiB")


def main():
    start = make_start(NETWORK_SEED)
    network, images, labels = start
    tensors = {"images": images, "labels": labels, "mean": torch.tensor(NETWORK["mean"]),
               "std": torch.tensor(NETWORK["std"])}
    tensors.update({"init." + k: v for k, v in network.state_dict().items()})
    methods = {}
    for name in METHODS:
        methods[name], exact, (difference, at) = search(start, name)
        print(f"{name}: seed {methods[name]['seed']}, lr {methods[name]['lr']}, noisy float32 "
              f"differs by at most {difference:.1e} ({at}), losses",
              " ".join(f"{v:.5f}" for v in exact["losses"].tolist()), flush=True)
        tensors.update({f"{name}.{k}": v for k, v in exact.items()})
    write(tensors, dict(seed=NETWORK_SEED, methods=methods))


if __name__ == "__main__":
    torch.set_num_threads(1)  # sums in one order, so that a second run gives the same bytes
    torch.use_deterministic_algorithms(True)
    warnings.filterwarnings("ignore", message="TF32 acceleration")  # of hardware not used here
    main()
