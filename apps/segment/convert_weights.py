"""Turns PyTorch weights into a safetensors file that saddle-segment reads.

    convert_weights.py WEIGHTS.pth OUT.safetensors

Takes a state_dict, alone or as the paper's code wraps it ("model_state"), of a classifier for
--init-backbone, or of a whole DeepLabv3 for --init-from and --checkpoint: the paper's, or
torchvision's deeplabv3_resnet50 (its auxiliary head is left out; it has output stride 8). A pickle
can run any code: PyTorch is asked for tensors alone. Needs torch and safetensors.
"""

import sys

import torch
from safetensors.torch import save_file


def main(source, target):
    state = torch.load(source, map_location="cpu", weights_only=True)
    for wrapper in ("model_state", "state_dict", "model"):
        state = state.get(wrapper, state)
    tensors = {}
    for name, tensor in state.items():
        name = name.removeprefix("module.")
        if name.startswith("aux_classifier."):
            continue
        if name.startswith("classifier.") and name.split(".")[1].isdigit() and "backbone.conv1.weight" in state:
            name = "classifier." + name
        tensors[name] = tensor.clone().contiguous()
    save_file(tensors, target)
    print(f"{target}: {len(tensors)} tensors")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
