"""Sentences a second of fine-tuning MiniLM, here and by the library `transformers`, in turn on one machine.

    python apps/bench/text_speed.py --program build/bin/saddle-text [--data data] [--threads 2]
    python apps/bench/text_speed.py --program build/bin/saddle-text --device cuda --precision bf16 --texts 8000

in a virtual environment with torch and transformers; in bf16 PyTorch's autocast. Both train on the same sentences in batches of 16 with
dropout, AdamW and a clipped gradient, SAM in the second line; each pads, or leaves padding out, as it does by
default: PyTorch up to the longest sentence of a batch. A first epoch warms up, a second one counts; both are
done --rounds times in turn, and the medians are printed. `make text-data` fetches what --data names.
"""

import argparse
import csv
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

BATCH, LR, RHO = 16, 5e-5, 0.05


def read_texts(folder, count):
    path = folder / "rotten-tomatoes-rated" / "movieReviewSnippets_GroundTruth.txt"
    rows = [line.split("\t", 2) for line in path.read_text(encoding="utf-8").splitlines()]
    rated = [(text.strip(), int(float(mean) > 0)) for _, mean, text in rows if float(mean) != 0]
    return rated[::max(1, len(rated) // count)][:count]


def here(arguments, rows, sam):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name, part in (("train", rows), ("test", rows[:2] + rows[-2:])):
            with open(folder / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([("text", "label"), *part])
        subprocess.run([arguments.program, "train", "--dataset", "text-csv", "--data-dir", folder, "--encoder",
                        arguments.data / "minilm-l6", "--optimizer", "sam" if sam else "adamw", "--epochs", "2",
                        "--device", arguments.device, "--precision", arguments.precision, "--threads",
                        str(arguments.threads), "--quiet", "--output", folder / "run"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return json.loads((folder / "run" / "metrics.jsonl").read_text().splitlines()[-1])["texts_per_second"]


class There:
    def __init__(self, arguments, rows):
        import torch
        import transformers
        self.torch = torch
        torch.set_num_threads(arguments.threads)
        torch.backends.cuda.matmul.allow_tf32 = arguments.precision == "tf32"
        self.device, self.rounded = arguments.device, arguments.precision == "bf16"
        encoder = arguments.data / "minilm-l6"
        tokenizer = transformers.AutoTokenizer.from_pretrained(encoder)
        self.network = transformers.AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=2)
        self.network.to(self.device).train()
        self.weights = [w for w in self.network.parameters() if w.requires_grad]
        self.batches = []
        for first in range(0, len(rows), BATCH):
            part = rows[first:first + BATCH]
            batch = tokenizer([text for text, _ in part], padding=True, truncation=True, max_length=128,
                              return_tensors="pt")
            labels = torch.tensor([label for _, label in part])
            self.batches.append((batch.to(self.device), labels.to(self.device)))

    def backward(self, batch, labels):
        for w in self.weights:
            w.grad = None
        with self.torch.autocast(self.device, dtype=self.torch.bfloat16, enabled=self.rounded):
            loss = self.torch.nn.functional.cross_entropy(self.network(**batch).logits, labels)
        loss.backward()

    def step(self, optimizer, batch, labels, sam):
        torch = self.torch
        self.backward(batch, labels)
        if sam:
            with torch.no_grad():
                gradients = [w.grad for w in self.weights]
                norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
                moves = torch._foreach_mul(gradients, RHO / (norm + 1e-12))
                torch._foreach_add_(self.weights, moves)
            self.backward(batch, labels)
            with torch.no_grad():
                torch._foreach_sub_(self.weights, moves)
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0, foreach=True)
        optimizer.step()

    def rate(self, sam):
        optimizer = self.torch.optim.AdamW(self.weights, lr=LR, weight_decay=0.0, foreach=True)
        for _ in range(2):
            start = time.perf_counter()
            for batch, labels in self.batches:
                self.step(optimizer, batch, labels, sam)
            if self.device == "cuda":
                self.torch.cuda.synchronize()
            seconds = time.perf_counter() - start
        return BATCH * len(self.batches) / seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("data"))
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--texts", type=int, default=640)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="of both sides")
    parser.add_argument("--precision", choices=["fp32", "tf32", "bf16"], default="fp32", help="of both sides")
    arguments = parser.parse_args()
    rows = read_texts(arguments.data, arguments.texts)
    peer = There(arguments, rows)
    for sam in (False, True):
        ours, theirs = [], []
        for _ in range(arguments.rounds):
            ours.append(here(arguments, rows, sam))
            theirs.append(peer.rate(sam))
        a, b = statistics.median(ours), statistics.median(theirs)
        print(f"{'SAM' if sam else 'AdamW'}, {arguments.device}, {arguments.precision}, "
              f"{arguments.threads} threads: Saddle {a:.1f} texts/s "
              f"({min(ours):.1f} to {max(ours):.1f}), transformers {b:.1f} ({min(theirs):.1f} to "
              f"{max(theirs):.1f}): {a / b:.2f}", flush=True)


if __name__ == "__main__":
    main()
