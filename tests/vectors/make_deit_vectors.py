"""Write deit.safetensors: one pass of a small DeiT of timm (see README.md).

    python tests/vectors/make_deit_vectors.py

in a virtual environment with torch, timm, numpy and safetensors. A transformer has no kinks, so the
first seed will do.
"""

import torch
from timm.models.vision_transformer import VisionTransformer

import make_vectors as common

common.COMMAND = "python tests/vectors/make_deit_vectors.py"
CONFIG = dict(depth=2, width=24, heads=2, patch=4, input_shape=[3, 8, 12], classes=5, batch=3,
              mean=[0.0] * 3, std=[1.0] * 3)


def make_network():
    torch.manual_seed(0)
    channels, height, width = CONFIG["input_shape"]
    network = VisionTransformer(
        img_size=(height, width), patch_size=CONFIG["patch"], in_chans=channels,
        num_classes=CONFIG["classes"], embed_dim=CONFIG["width"], depth=CONFIG["depth"],
        num_heads=CONFIG["heads"])
    with torch.no_grad():  # away from timm's small weights, so that attention is not uniform
        for name, parameter in network.named_parameters():
            if "norm" in name and name.endswith("weight"):
                parameter.uniform_(0.5, 1.5)
            elif parameter.dim() < 2 or name in ("cls_token", "pos_embed"):
                parameter.normal_(0, 0.5)
            else:
                parameter.normal_(0, 1 / parameter[0].numel() ** 0.5)
        network.blocks[0].attn.qkv.weight.mul_(2)
    return network


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    network = make_network()
    images = common.make_images(CONFIG)
    labels = torch.randint(CONFIG["classes"], (CONFIG["batch"],))
    data = (CONFIG, network, images, labels)
    exact, _ = common.one_pass(*data, torch.float64)
    common.demand_agreement("one pass", exact, lambda: common.one_pass(*data, torch.float32)[0])
    tensors = {"images": images, "labels": labels}
    tensors.update({"init." + k: v for k, v in network.state_dict().items()})
    tensors.update(exact)
    common.write("deit.safetensors", tensors, CONFIG)
