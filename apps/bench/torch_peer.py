"""The PyTorch side of saddle-bench: the same steps, written as well as PyTorch allows.

    python apps/bench/torch_peer.py --model preact_resnet18 --width 64 --input 3 32 32 \
           --mode sgd,sam,at,pgd --batch 128,256 --threads 2 --seconds 10

in a virtual environment with torch. One line of JSON for every batch size and mode: the median time of
a step and what it makes in images a second.

What a step is (on a fixed random batch of bytes; bytes -> [0, 1] and normalisation are part of it):
  sgd   forward, backward, SGD with momentum 0.9 and weight decay 5e-4
  sam   two passes around that SGD, rho = 0.1
  at    PGD-10 under linf in train mode, then the sgd step on what it found
  pgd   PGD-10 under linf in eval mode, then the forward pass that scores it; no training

To be a fair opponent: channels_last (or contiguous, where that is faster), multi-tensor (foreach,
on a GPU fused) updates, data resident on the device, no host round trip inside a step, attacks that
compute no weight gradient, on a GPU cudnn.benchmark and, in bf16, autocast. --execution compile runs
the model through torch.compile(mode="max-autotune"), which brings CUDA graphs with it; one compiled
network serves all modes of a batch size, and takes no second size: PyTorch would compile it for
batches of any size, which run slower. What Inductor compiled and tuned lies in its cache on disk, where
the next process finds it (TORCHINDUCTOR_CACHE_DIR).
"""

import argparse
import json
import os
import statistics
import sys
import time

os.environ.setdefault("TORCHINDUCTOR_FX_GRAPH_CACHE", "1")  # read when torch is imported

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tests", "vectors"))
from deeplab import deeplab_mobilenetv2, deeplab_resnet50  # noqa: E402
from preact_resnet import BLOCKS_PER_STAGE, Normalised, build  # noqa: E402
from wide_resnet import WideResNet  # noqa: E402

OF_PIXELS = {"deeplabv3_mobilenetv2": deeplab_mobilenetv2, "deeplabv3_resnet50": deeplab_resnet50}

PGD_STEPS = 10
PGD_EPS = 8 / 255
PGD_ALPHA = 2 / 255
RHO = 0.1
WARM_UP_STEPS = 3
GROUP_SECONDS = 0.05
FEWEST_GROUPS = 3
MEMORY_FORMATS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
MODES = ("sgd", "sam", "at", "pgd")


class DeitBlock(torch.nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = torch.nn.LayerNorm(width, 1e-6), torch.nn.LayerNorm(width, 1e-6)
        self.qkv, self.proj = torch.nn.Linear(width, 3 * width), torch.nn.Linear(width, width)
        self.fc1, self.fc2 = torch.nn.Linear(width, 4 * width), torch.nn.Linear(4 * width, width)

    def forward(self, x):
        batch, tokens, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(
            batch, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape)
        x = x + self.proj(y)
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class Deit(torch.nn.Module):
    """DeiT (Touvron et al. 2021) of 12 blocks with heads of 64, patches of 4 x 4."""

    def __init__(self, width, input_shape, classes, patch=4, depth=12):
        super().__init__()
        channels, height, image_width = input_shape
        tokens = 1 + height // patch * (image_width // patch)
        self.patches = torch.nn.Conv2d(channels, width, patch, stride=patch)
        self.cls_token = torch.nn.Parameter(torch.zeros(1, 1, width))
        self.position = torch.nn.Parameter(0.02 * torch.randn(1, tokens, width))
        self.blocks = torch.nn.Sequential(*[DeitBlock(width, width // 64) for _ in range(depth)])
        self.norm = torch.nn.LayerNorm(width, 1e-6)
        self.head = torch.nn.Linear(width, classes)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], dim=1) + self.position
        return self.head(self.norm(self.blocks(x))[:, 0])


def network_of(arguments):
    """The network that Saddle's flags of the same names ask for."""
    if arguments.model in OF_PIXELS:
        return OF_PIXELS[arguments.model](arguments.classes)
    channels = arguments.input[0]
    if arguments.model == "wrn_28_10":
        return WideResNet(28, 16, arguments.width // 16, channels, arguments.classes)
    if arguments.model == "deit_tiny":
        return Deit(arguments.width, arguments.input, arguments.classes)
    return build(arguments.model, arguments.width, channels, arguments.classes)


class Bench:
    """One model with one fixed batch; each method below named after a mode runs one step of it."""

    def __init__(self, arguments, batch_size):
        torch.manual_seed(0)
        self.batch_size = batch_size
        channels = arguments.input[0]
        of_pixels = arguments.model in OF_PIXELS
        network = network_of(arguments)
        self.device = torch.device(arguments.device)
        memory_format = MEMORY_FORMATS[arguments.memory_format]
        mean, std = torch.full((channels,), 0.5), torch.full((channels,), 0.25)
        self.model = Normalised(network, mean, std)
        self.model.to(self.device, memory_format=memory_format)
        self.dtype = arguments.dtype
        self.compiled = arguments.execution == "compile"
        # dynamic=False: a change of mode, which is a change of guards, must not end in code for any size.
        self.network = (torch.compile(self.model, mode="max-autotune", dynamic=False)
                        if self.compiled else self.model)
        self.parameters = list(self.model.parameters())
        self.saved = [torch.empty_like(p) for p in self.parameters]
        self.optimizer = torch.optim.SGD(self.parameters, lr=0.1, momentum=0.9, weight_decay=5e-4,
                                         **{"fused" if self.device.type == "cuda" else "foreach":
                                            True})
        self.bytes = torch.randint(256, (batch_size, *arguments.input), dtype=torch.uint8)
        self.bytes = self.bytes.to(self.device, memory_format=memory_format)
        places = (batch_size, *arguments.input[1:]) if of_pixels else (batch_size,)
        self.labels = torch.randint(arguments.classes, places, device=self.device)

    def images(self):
        return self.bytes.float().div_(255)  # keeps the memory format

    def logits(self, x):
        if self.compiled:
            torch.compiler.cudagraph_mark_step_begin()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype == "bf16"):
            return self.network(x)

    def forward_backward(self, x):
        self.optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(self.logits(x).float(), self.labels).backward()

    def sgd(self):
        self.model.train()
        self.forward_backward(self.images())
        self.optimizer.step()

    @torch.no_grad()
    def sam_ascend(self):
        """w <- w + rho g / (||g|| + 1e-12), keeping a copy of w."""
        gradients = [p.grad for p in self.parameters]
        torch._foreach_copy_(self.saved, self.parameters)
        norm = torch.stack(torch._foreach_norm(gradients)).norm()
        torch._foreach_mul_(gradients, RHO / (norm + 1e-12))
        torch._foreach_add_(self.parameters, gradients)

    @torch.no_grad()
    def sam_restore(self):
        torch._foreach_copy_(self.parameters, self.saved)

    def sam(self):
        self.model.train()
        x = self.images()
        self.forward_backward(x)
        self.sam_ascend()
        self.forward_backward(x)
        self.sam_restore()
        self.optimizer.step()

    def attack(self, x):
        """PGD from a random start; weights want no gradient, so autograd computes none."""
        for p in self.parameters:
            p.requires_grad_(False)
        # Ball and pixel range in one clamp: both are intervals around each pixel.
        lower, upper = (x - PGD_EPS).clamp_(min=0), (x + PGD_EPS).clamp_(max=1)
        x_adv = (x + torch.empty_like(x).uniform_(-PGD_EPS, PGD_EPS)).clamp_(0, 1)
        for _ in range(PGD_STEPS):
            x_adv.requires_grad_(True)
            loss = F.cross_entropy(self.logits(x_adv).float(), self.labels, reduction="sum")
            gradient, = torch.autograd.grad(loss, x_adv)
            x_adv = x_adv.detach().add_(gradient.sign_(), alpha=PGD_ALPHA)
            torch.clamp(x_adv, lower, upper, out=x_adv)
        for p in self.parameters:
            p.requires_grad_(True)
        return x_adv

    def at(self):
        self.model.train()
        self.forward_backward(self.attack(self.images()))
        self.optimizer.step()

    def pgd(self):
        self.model.eval()
        x_adv = self.attack(self.images())
        with torch.no_grad():
            self.logits(x_adv).argmax(dim=1).eq(self.labels).sum()

    def synchronise(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def time_of(self, step, calls):
        """Seconds of `calls` steps in a row, waited for once."""
        start = time.perf_counter()
        for _ in range(calls):
            step()
        self.synchronise()
        return time.perf_counter() - start

    def time_steps(self, mode, seconds):
        """Seconds of a step in each group of steps, warm-up left out (as apps/bench/timing.h)."""
        step = getattr(self, mode)
        self.time_of(step, WARM_UP_STEPS)
        group = max(1, int(GROUP_SECONDS / self.time_of(step, 1)))
        times = []
        while len(times) < FEWEST_GROUPS or sum(times) * group < seconds:
            times.append(self.time_of(step, group) / group)
        return times


def memory_of_process(field):
    """Bytes: VmRSS is what there is now, VmHWM the most there was."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith(field + ":"))


def comma_list(kind, allowed=None):
    def parse(text):
        values = [kind(part) for part in text.split(",")]
        wrong = [v for v in values if allowed and v not in allowed]
        if wrong:
            raise argparse.ArgumentTypeError(f"{wrong[0]!r} is not one of {', '.join(allowed)}")
        return values
    return parse


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="preact_resnet18", choices=[
        *sorted(BLOCKS_PER_STAGE), "wrn_28_10", "deit_tiny", *sorted(OF_PIXELS)])
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--input", type=int, nargs=3, default=[3, 32, 32], metavar=("C", "H", "W"))
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--batch", type=comma_list(int), default=[128], help="comma list")
    parser.add_argument("--mode", type=comma_list(str, MODES), default=["sgd"],
                        help="comma list of " + ", ".join(MODES))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, default=5.0, help="least time to measure a mode")
    parser.add_argument("--dtype", default="fp32", choices=["fp32", "tf32", "bf16"])
    parser.add_argument("--execution", default="eager", choices=["eager", "compile"])
    parser.add_argument("--memory-format", default="channels_last", choices=MEMORY_FORMATS)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    arguments = parser.parse_args()
    if arguments.execution == "compile" and len(arguments.batch) > 1:
        parser.error("--execution compile takes one --batch. Start a process for each")
    return arguments


def measure(bench, mode, arguments):
    """The line of JSON of one mode."""
    times = bench.time_steps(mode, arguments.seconds)
    median = statistics.median(times)
    return {
        "mode": mode, "model": arguments.model, "width": arguments.width,
        "input": arguments.input, "batch": bench.batch_size,
        "images_per_second": round(bench.batch_size / median, 2),
        "step_seconds": round(median, 6), "fastest_step_seconds": round(min(times), 6),
        "steps": len(times), "torch": torch.__version__, "threads": arguments.threads,
        "device": arguments.device, "dtype": arguments.dtype,
        "execution": arguments.execution, "memory_format": arguments.memory_format,
    }


def main():
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = arguments.dtype != "fp32"
    torch.backends.cuda.matmul.allow_tf32 = arguments.dtype != "fp32"
    on_gpu = arguments.device.startswith("cuda")
    for batch_size in arguments.batch:
        bench = None
        for mode in arguments.mode:
            # Eager modes share nothing; a compiled network is compiled once.
            if bench is None or not bench.compiled:
                bench = None
                before = memory_of_process("VmRSS")
                bench = Bench(arguments, batch_size)
            with open("/proc/self/clear_refs", "w") as clear:
                clear.write("5")  # VmHWM begins anew
            if on_gpu:
                torch.cuda.reset_peak_memory_stats()
            line = measure(bench, mode, arguments)
            # With a compiled network it counts what the modes before have left: code, and graphs on a GPU.
            line["peak_bytes"] = (torch.cuda.max_memory_reserved() if on_gpu
                                  else memory_of_process("VmHWM") - before)
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
