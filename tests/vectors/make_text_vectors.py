"""Write text.safetensors: small networks for text of the library `transformers` (see README.md).

    python tests/vectors/make_text_vectors.py

in a virtual environment with torch, transformers, numpy and safetensors. Three networks: BERT with
the exact GELU, BERT with the one by tanh and another number of token types, DistilBERT. Of each, in
float64: logits, loss and every gradient of one batch of sentences of different lengths (with the
attention mask that goes with them), and the weights after ten steps of AdamW and of SAM around it,
the second gradient clipped. Dropout is off: its draws are nobody's but one library's.

A key's bias adds the same to all scores of a row, which the softmax does not see: its gradient is 0
but for rounding, and Adam makes steps of that. What training makes of it is not stored.

The networks have no kinks but DistilBERT's ReLU of 3 x 24 values, whose distance from 0 is demanded.
"""

import copy
import json

import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import save_file

import make_vectors as common

COMMAND = "python tests/vectors/make_text_vectors.py"
STEPS = 10
PAD = -1
LENGTHS = [5, 9, 2, 7]
LEAST_KINK = 1e-3
ADAMW = dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1)
RHO, NORM_GUARD, CLIP = 0.05, 1e-12, 1.0

SIZES = dict(vocabulary=40, positions=12, width=24, layers=2, heads=3, hidden=40, classes=3)
NETWORKS = {
    "bert": dict(model="bert", activation="gelu", kinds=2, eps=1e-12),
    "bert_tanh": dict(model="bert", activation="gelu_new", kinds=3, eps=1e-6),
    "distilbert": dict(model="distilbert", activation="gelu", kinds=0, eps=1e-12),
}


def is_key_bias(name):
    return name.endswith(("self.key.bias", "k_lin.bias"))


def make_network(chosen):
    if chosen["model"] == "bert":
        network = transformers.BertForSequenceClassification(transformers.BertConfig(
            vocab_size=SIZES["vocabulary"], max_position_embeddings=SIZES["positions"],
            hidden_size=SIZES["width"], num_hidden_layers=SIZES["layers"],
            num_attention_heads=SIZES["heads"], intermediate_size=SIZES["hidden"],
            num_labels=SIZES["classes"], hidden_act=chosen["activation"],
            type_vocab_size=chosen["kinds"], layer_norm_eps=chosen["eps"], pad_token_id=0))
    else:
        network = transformers.DistilBertForSequenceClassification(transformers.DistilBertConfig(
            vocab_size=SIZES["vocabulary"], max_position_embeddings=SIZES["positions"],
            dim=SIZES["width"], n_layers=SIZES["layers"], n_heads=SIZES["heads"],
            hidden_dim=SIZES["hidden"], num_labels=SIZES["classes"],
            activation=chosen["activation"], pad_token_id=0))
    with torch.no_grad():  # away from the small initial weights, so that attention is not uniform
        for name, parameter in network.named_parameters():
            if "norm" in name.lower() and name.endswith("weight"):
                parameter.uniform_(0.5, 1.5)
            elif parameter.dim() < 2:
                parameter.normal_(0, 0.3)
            else:
                parameter.normal_(0, 1.5 / parameter[0].numel() ** 0.5)
    return network.eval()


def make_batch():
    """Ids with PAD behind each sentence. Word 0, which is not trained, is one of them."""
    tokens = torch.full((len(LENGTHS), max(LENGTHS)), PAD)
    for row, length in enumerate(LENGTHS):
        tokens[row, :length] = torch.randint(SIZES["vocabulary"], (length,))
    tokens[1, 3], tokens[3, 2], tokens[3, 5] = 0, tokens[1, 1], tokens[1, 1]
    return tokens, torch.randint(SIZES["classes"], (len(LENGTHS),))


def logits_of(network, tokens):
    mask = (tokens != PAD).long()
    return network(input_ids=tokens.clamp(min=0), attention_mask=mask).logits


def gradient(network, tokens, labels):
    network.zero_grad(set_to_none=True)
    logits = logits_of(network, tokens)
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    return logits.detach(), loss.detach()


def step_sam(network, tokens, labels):
    """Leaves the clipped gradient at the climbed weights, and the weights as they were."""
    gradient(network, tokens, labels)
    weights = [p for p in network.parameters() if p.grad is not None]
    before = [p.detach().clone() for p in weights]
    norm = torch.sqrt(sum((p.grad ** 2).sum() for p in weights))
    with torch.no_grad():
        for p in weights:
            p.add_(p.grad, alpha=(RHO / (norm + NORM_GUARD)).item())
    gradient(network, tokens, labels)
    with torch.no_grad():
        for p, w in zip(weights, before):
            p.copy_(w)
    torch.nn.utils.clip_grad_norm_(weights, CLIP)


def trained(network, tokens, labels, sam):
    network = copy.deepcopy(network)
    optimizer = torch.optim.AdamW(network.parameters(), **ADAMW)
    for _ in range(STEPS):
        (step_sam if sam else gradient)(network, tokens, labels)
        optimizer.step()
    return dict(network.named_parameters())


def answers(network, tokens, labels, dtype):
    network = copy.deepcopy(network).to(dtype)
    logits, loss = gradient(network, tokens, labels)
    found = {"logits": logits, "loss": loss}
    for name, parameter in network.named_parameters():
        found["grad." + name] = parameter.grad.clone()
    for name, sam in (("adamw", False), ("sam", True)):
        for key, parameter in trained(network, tokens, labels, sam).items():
            if not is_key_bias(key):
                found[f"{name}.{key}"] = parameter.detach()
    return found


def kink_of(network, tokens):
    """The smallest |input of DistilBERT's ReLU|."""
    found = []
    hook = network.pre_classifier.register_forward_hook(lambda *io: found.append(io[2].abs().min()))
    logits_of(network, tokens)
    hook.remove()
    return found[0].item()


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    tensors, settings = {}, {}
    for number, (name, chosen) in enumerate(NETWORKS.items()):
        seed = 100 * number
        while True:
            torch.manual_seed(seed)
            network = make_network(chosen)
            tokens, labels = make_batch()
            if chosen["model"] == "bert" or kink_of(network, tokens) > LEAST_KINK:
                break
            seed += 1
        exact = answers(network, tokens, labels, torch.float64)
        rounded = answers(network, tokens, labels, torch.float32)
        worst = max((common.relative_difference(rounded[k], exact[k]), k) for k in exact
                    if not (k.startswith("grad.") and is_key_bias(k)))
        print(f"{name}: seed {seed}, float32 is off by {worst[0]:.1e} at {worst[1]}")
        assert worst[0] < common.MAX_RELATIVE_DIFFERENCE, "too rough a point: take another seed"
        own = {"tokens": tokens.to(torch.int32), "labels": labels}
        own.update({"init." + k: p.detach() for k, p in network.named_parameters()})
        own.update(exact)
        tensors.update({f"{name}/{k}": v for k, v in own.items()})
        settings[name] = chosen
    tensors = {k: v.float().contiguous() if v.is_floating_point() else v.contiguous()
               for k, v in tensors.items()}
    tensors = {k: v for k, v in tensors.items() if not ("/grad." in k and is_key_bias(k))}
    about = dict(command=COMMAND, sizes=SIZES, networks=settings, steps=STEPS, adamw=ADAMW, rho=RHO,
                 clip=CLIP, torch=torch.__version__, transformers=transformers.__version__)
    save_file(tensors, f"{common.HERE}/text.safetensors", {"vectors": json.dumps(about)})


if __name__ == "__main__":
    main()
