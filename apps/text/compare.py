"""Train and ask one network here and in the library `transformers`, and compare: by hand, not in the tests.

    python apps/text/compare.py --program build/bin/saddle-text --encoder data/minilm-l6 \
        --texts data/rotten-tomatoes-rated/movieReviewSnippets_GroundTruth.txt

in a virtual environment with torch, transformers and safetensors. Both begin with the encoder's weights and
one random head, see the same sentences in the same order, tokenised by each itself, without dropout, and do
ten steps of AdamW, or of SAM around it (the gradient at the climbed weights clipped to norm 1), in float32.
Printed: the largest relative difference of a tensor, ||a - b|| / ||b||, and of the logits of other sentences.
Keys' biases are left out: the softmax does not see them, and Adam makes steps of their rounding.
"""

import argparse
import csv
import json
import pathlib
import subprocess
import tempfile

import torch
import transformers
from safetensors.torch import load_file, save_file

STEPS, BATCH, LR, RHO, TESTED = 10, 16, 5e-5, 0.05, 64


def read_texts(path):
    rows = [line.split("\t", 2) for line in path.read_text(encoding="utf-8").splitlines()]
    rated = [(text.strip(), int(float(mean) > 0)) for _, mean, text in rows if float(mean) != 0]
    half = len(rated) // 2  # positives first
    return [row for pair in zip(rated[:half], rated[half:]) for row in pair]


def write_tables(folder, rows):
    for name, part in (("train", rows[:STEPS * BATCH]), ("test", rows[-TESTED:])):
        with open(folder / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("text", "label"), *part])


def network_of(encoder):
    torch.manual_seed(3)
    return transformers.AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=2)


def encoded(tokenizer, rows):
    batch = tokenizer([text for text, _ in rows], padding=True, truncation=True, max_length=128,
                      return_tensors="pt")
    batch.pop("token_type_ids", None)
    return batch, torch.tensor([label for _, label in rows])


def loss_of(network, batch, labels):
    return torch.nn.functional.cross_entropy(network(**batch).logits, labels)


def train_there(network, tokenizer, rows, sam):
    weights = list(network.parameters())
    optimizer = torch.optim.AdamW(weights, lr=LR, weight_decay=0.0)
    network.eval()  # no dropout
    for step in range(STEPS):
        batch, labels = encoded(tokenizer, rows[step * BATCH:(step + 1) * BATCH])
        optimizer.zero_grad(set_to_none=True)
        loss_of(network, batch, labels).backward()
        used = [w for w in weights if w.grad is not None]
        if sam:
            norm = torch.sqrt(sum((w.grad ** 2).sum() for w in used))
            moves = [w.grad * (RHO / (norm + 1e-12)) for w in used]
            before = [w.detach().clone() for w in used]
            with torch.no_grad():
                torch._foreach_add_(used, moves)
            optimizer.zero_grad(set_to_none=True)
            loss_of(network, batch, labels).backward()
            with torch.no_grad():
                torch._foreach_copy_(used, before)
        torch.nn.utils.clip_grad_norm_(used, 1.0)
        optimizer.step()
    return network


def run_here(arguments, folder, sam):
    run = folder / ("sam" if sam else "adamw")
    descent = ["--optimizer", "sam", "--rho", str(RHO)] if sam else ["--optimizer", "adamw"]
    subprocess.run([arguments.program, "train", "--dataset", "text-csv", "--data-dir", folder,
                    "--encoder", arguments.encoder, "--init-from", folder / "start.safetensors",
                    *descent, "--lr", str(LR), "--schedule", "constant", "--epochs", "1",
                    "--batch-size", str(BATCH), "--no-shuffle", "--dropout", "0", "--attention-dropout", "0",
                    "--head-dropout", "0", "--quiet", "--output", run], check=True)
    texts = folder / "texts.txt"
    lines = subprocess.run([arguments.program, "predict", "--checkpoint", run / "last.safetensors",
                            "--file", texts, "--json"], check=True, stdout=subprocess.PIPE, text=True).stdout
    answers = [json.loads(line)["probabilities"] for line in lines.splitlines()]
    return load_file(run / "last.safetensors"), torch.tensor(answers)


def difference(a, b):
    return ((a.double() - b.double()).norm() / b.double().norm().clamp(min=1e-30)).item()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for flag in ("--program", "--encoder", "--texts"):
        parser.add_argument(flag, type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    rows = read_texts(arguments.texts)
    tokenizer = transformers.AutoTokenizer.from_pretrained(arguments.encoder)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        write_tables(folder, rows)
        (folder / "texts.txt").write_text("".join(text + "\n" for text, _ in rows[-TESTED:]), encoding="utf-8")
        network = network_of(arguments.encoder)
        start = {k: v.contiguous() for k, v in network.state_dict().items() if not k.endswith("position_ids")}
        save_file(start, folder / "start.safetensors")
        for sam in (False, True):
            here, answers = run_here(arguments, folder, sam)
            network = network_of(arguments.encoder)
            there = train_there(network, tokenizer, rows, sam).state_dict()
            moved = {k: difference(here[k], v) for k, v in there.items() if k in here and "key.bias" not in k}
            assert set(here) == {k for k in there if not k.endswith("position_ids")}, "names differ"
            batch, _ = encoded(tokenizer, rows[-TESTED:])
            with torch.no_grad():
                wanted = torch.softmax(network(**batch).logits, 1)
            worst = max(moved, key=moved.get)
            print(f"{STEPS} steps of {'SAM' if sam else 'AdamW'}: {len(moved)} tensors, the largest difference "
                  f"{moved[worst]:.1e} ({worst}); probabilities of {TESTED} sentences within "
                  f"{(answers - wanted).abs().max():.1e}")


if __name__ == "__main__":
    main()
