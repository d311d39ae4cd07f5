"""Recompute in PyTorch what Saddle claims about a checkpoint.

    check_checkpoint.py CHECKPOINT
        loads it into the PyTorch network, strictly, by name
    check_checkpoint.py CHECKPOINT --adversarial ADV [--logits LOGITS]
        recomputes clean and robust accuracy and the norms, and compares the clean logits
    check_checkpoint.py --export OUT --from-torch STATE.pt --model preact_resnet18 --classes 10
                        --input-shape 3 32 32 --mean M M M --std S S S
        turns a PyTorch state_dict into a checkpoint for Saddle

ADV is what `saddle-attack --save-adversarial` writes (images, labels, adversarial.<index>-<name>),
LOGITS what `--save-logits` writes (logits, of the clean images). Exit code 0: done, and within
--max-logit-difference if that is given; 1: beyond it, or a file is wrong; 2: a wrong command line.

Needs a virtual environment with torch, numpy and safetensors.
"""

import argparse
import json
import sys

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from preact_resnet import Normalised, build

SADDLE_KEYS = ("model", "options", "classes", "input_shape", "mean", "std")


class CheckError(Exception):
    """Something about a file is wrong; the message is for the user."""


def read(path):
    """(tensors by name, metadata) of a safetensors file."""
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}


def demand(path, tensors, *names):
    missing = [name for name in names if name not in tensors]
    if missing:
        raise CheckError(f"{path}: no tensor named {', '.join(missing)}")


def describe(path, metadata):
    """The `saddle` entry of a checkpoint's metadata, as a dict with all SADDLE_KEYS."""
    if "saddle" not in metadata:
        raise CheckError(f"{path}: no metadata entry 'saddle'; it says which model this is")
    about = json.loads(metadata["saddle"])
    missing = [key for key in SADDLE_KEYS if key not in about]
    if missing:
        raise CheckError(f"{path}: metadata entry 'saddle' lacks {', '.join(missing)}")
    return about


def load_checkpoint(path):
    """Saddle checkpoint -> (model in eval mode: pixels -> logits, what its metadata says)."""
    tensors, metadata = read(path)
    about = describe(path, metadata)
    # An option unknown here might change the network; passing over it could only mislead.
    unknown = set(about["options"]) - {"width"}
    if unknown:
        raise CheckError(f"{path}: model options {sorted(unknown)} are unknown here")
    network = build(about["model"], int(about["options"].get("width", 64)),
                    about["input_shape"][0], about["classes"])
    network.load_state_dict(tensors, strict=True)
    mean, std = torch.tensor(about["mean"]), torch.tensor(about["std"])
    return Normalised(network, mean, std).eval(), about


def save_checkpoint(path, state, about):
    """Write a state_dict of preact_resnet.py as a Saddle checkpoint. about: the SADDLE_KEYS."""
    network = build(about["model"], about["options"]["width"], about["input_shape"][0],
                    about["classes"])
    state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    network.load_state_dict(state, strict=True)  # names every tensor that does not fit
    tensors = {name: t.float().contiguous() if t.is_floating_point() else t.contiguous()
               for name, t in network.state_dict().items()}
    save_file(tensors, path, metadata={"format": "pt", "saddle": json.dumps(about)})


def compute_logits(model, images, batch_size=256):
    with torch.no_grad():
        return torch.cat([model(batch) for batch in images.split(batch_size)])


def percent_correct(logits, labels):
    return 100.0 * (logits.argmax(dim=1) == labels).double().mean().item()


def check_logits(path, logits, limit):
    """Print the largest |PyTorch - Saddle| over all logits; True when within the limit."""
    tensors, _ = read(path)
    demand(path, tensors, "logits")
    theirs = tensors["logits"]
    if theirs.shape != logits.shape:
        raise CheckError(f"{path}: logits are {list(theirs.shape)}, "
                         f"the images give {list(logits.shape)}")
    difference = (theirs.double() - logits.double()).abs().max().item()
    same = (theirs.argmax(dim=1) == logits.argmax(dim=1)).double().mean().item()
    print(f"logits: largest difference {difference:.3e} "
          f"(largest logit {logits.abs().max().item():.3f}), same prediction on {100 * same:.2f} %")
    # `not <=` so that a NaN breaks the limit.
    return limit is None or difference <= limit


def check_adversarial(model, tensors, clean_logits):
    """A line an attack: robust accuracy and largest norms, recomputed from the stored images."""
    images, labels = tensors["images"], tensors["labels"]
    print(f"clean accuracy {percent_correct(clean_logits, labels):.2f} % of {len(labels)} images")
    for name in sorted(n for n in tensors if n.startswith("adversarial.")):
        adversarial = tensors[name]
        delta = (adversarial.double() - images.double()).flatten(1)
        robust = percent_correct(compute_logits(model, adversarial), labels)
        print(f"{name}: robust accuracy {robust:.2f} %, "
              f"largest linf {delta.abs().max().item():.7f} "
              f"({255 * delta.abs().max().item():.4f}/255), "
              f"largest l2 {delta.norm(dim=1).max().item():.7f}, "
              f"pixels in [{adversarial.min().item():.7g}, {adversarial.max().item():.7g}]")


def check(arguments):
    """Run the checks asked for; False when a limit is broken."""
    model, about = load_checkpoint(arguments.checkpoint)
    count = sum(p.numel() for p in model.network.parameters())
    print(f"{about['model']} {json.dumps(about['options'])}: {count} parameters loaded, strict")
    if not arguments.adversarial:
        return True
    tensors, _ = read(arguments.adversarial)
    demand(arguments.adversarial, tensors, "images", "labels")
    clean_logits = compute_logits(model, tensors["images"])
    check_adversarial(model, tensors, clean_logits)
    if not arguments.logits:
        return True
    return check_logits(arguments.logits, clean_logits, arguments.max_logit_difference)


def export(arguments):
    state = torch.load(arguments.from_torch, map_location="cpu", weights_only=True)
    about = dict(model=arguments.model, options={"width": arguments.width},
                 classes=arguments.classes, input_shape=arguments.input_shape,
                 mean=arguments.mean, std=arguments.std)
    save_checkpoint(arguments.export, state, about)
    print(f"wrote {arguments.export}: {arguments.model}, width {arguments.width}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", nargs="?", help="a Saddle checkpoint (.safetensors)")
    parser.add_argument("--adversarial", help="file of saddle-attack --save-adversarial")
    parser.add_argument("--logits", help="file of saddle-attack --save-logits, for the same images")
    parser.add_argument("--max-logit-difference", type=float, help="exit 1 beyond this difference")
    parser.add_argument("--export", metavar="OUT", help="write a Saddle checkpoint")
    parser.add_argument("--from-torch", metavar="STATE.pt", help="state_dict to export")
    parser.add_argument("--model", default="preact_resnet18")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--input-shape", type=int, nargs=3, default=[3, 32, 32],
                        metavar=("C", "H", "W"))
    parser.add_argument("--mean", type=float, nargs="+", default=[0.4914, 0.4822, 0.4465])
    parser.add_argument("--std", type=float, nargs="+", default=[0.2471, 0.2435, 0.2616])
    arguments = parser.parse_args()
    if bool(arguments.export) != bool(arguments.from_torch):
        parser.error("--export and --from-torch belong together")
    if bool(arguments.export) == bool(arguments.checkpoint):
        parser.error("give either a checkpoint to check or --export OUT --from-torch STATE.pt")
    if arguments.logits and not arguments.adversarial:
        parser.error("--logits needs --adversarial: that file holds the images")
    if not len(arguments.mean) == len(arguments.std) == arguments.input_shape[0]:
        parser.error("--mean and --std need one number a channel of --input-shape")
    return arguments


def main():
    arguments = parse_arguments()
    try:
        if arguments.export:
            export(arguments)
        elif not check(arguments):
            raise CheckError(f"logits differ by more than {arguments.max_logit_difference}")
    except (CheckError, OSError, ValueError, RuntimeError, SafetensorError) as error:
        print(f"check_checkpoint: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
