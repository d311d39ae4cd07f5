"""Attack one network here and with TextAttack, same sentences, same candidates: by hand.

    python apps/text/compare_attacks.py --program build/bin/saddle-text --examples 100 \
        --checkpoint runs/minilm/last.safetensors --data-dir data/rotten-tomatoes-rated \
        --vectors data/glove-6b-50d/vectors.npy

The checkpoint is one of `saddle-text train` on rotten-tomatoes-rated, a BERT, with its vocab.txt
beside it; the vectors are any vectors.npy with words.txt beside it, the frequent words first. In a
virtual environment:

    pip install torch transformers safetensors numpy lru-dict
    pip install --no-deps textattack==0.3.10

Release 0.3.10 is what `--compat 2024` stands for. Nothing is downloaded: what TextAttack imports
and these searches never use (flair, nltk, datasets, ...) is replaced by empty modules, and its own
downloads at the first import are told to be done.

Searches, constraints, query counter and caches are TextAttack's own, the settings those of its
recipes. Both sides are given alike, as files in --output: the sentences and labels, from the first
of our runs; stop words, one list for all four attacks; for PSO and PWWS WordNet's synonyms, as a
bank, for PSO also a tag of each word: the part of speech of which the bank has the most
substitutes; for IGA and TextFooler the first --words vectors at length 1 and the 50 nearest
neighbours of each. The victim there is BertForSequenceClassification with the fast tokeniser, in
batches of 32, padded to the longest; TextAttack's own HuggingFaceModelWrapper pads every text to
512 tokens, as --padding max_length does, and takes many times as long for it.

How both differ from the recipes: TextFooler has neither a constraint on the part of speech, for
which each side has a tagger of its own, nor a sentence encoder. PWWS writes candidates in the case
of the words that they replace, not as WordNet has them. How the sides differ: PSO and IGA draw from other generators: compare means, of several --seed.

Printed: success in percent of the sentences that were not misclassified before, queries for each
of these, percent of words changed in successes, seconds of the attacks alone, queries per second.
"""

import argparse
import dataclasses
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np
import torch
import transformers
from safetensors import safe_open
from safetensors.torch import load_file

from textattack_alone import RELEASE
from textattack import Attack  # below textattack_alone, which makes it importable
from textattack.constraints.overlap import MaxWordsPerturbed
from textattack.constraints.pre_transformation import RepeatModification, StopwordModification
from textattack.constraints.semantics import WordEmbeddingDistance
from textattack.goal_functions import UntargetedClassification
from textattack.models.wrappers import ModelWrapper
from textattack.search_methods import (GreedyWordSwapWIR, ImprovedGeneticAlgorithm,
                                       ParticleSwarmOptimization)
from textattack.shared import AttackedText, WordEmbedding
from textattack.shared.utils import is_one_word, words_from_text
from textattack.transformations import WordSwap, WordSwapEmbedding, WordSwapHowNet
from textattack.transformations.word_swaps.word_swap_embedding import recover_word_case

ROOT = pathlib.Path(__file__).resolve().parents[2]
NEIGHBOURS, BLOCK = 50, 1024
OUR_SPECS = {"textfooler": "textfooler:pos=off"}  # of the others their names
CLASSES = {"noun": "NOUN", "verb": "VERB", "adj": "ADJ", "adv": "ADV"}  # of a bank, in our order


@dataclasses.dataclass
class Outcome:
    index: int
    label: int
    status: str  # "skipped", "succeeded", "failed"
    queries: int
    original: str
    adversarial: str

    def changed(self) -> float:
        """Percent of the words."""
        before, after = words_from_text(self.original), words_from_text(self.adversarial)
        return 100 * sum(a != b for a, b in zip(before, after)) / len(before)


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


@dataclasses.dataclass
class Run:
    """What became of all sentences on one side."""
    outcomes: list[Outcome]
    seconds: float

    def attacked(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.status != "skipped"]

    def success(self) -> float:
        return 100 * mean([outcome.status == "succeeded" for outcome in self.attacked()])

    def queries(self) -> float:
        return mean([outcome.queries for outcome in self.attacked()])

    def changed(self) -> float:
        return mean([outcome.changed() for outcome in self.outcomes
                     if outcome.status == "succeeded"])

    def speed(self) -> float:
        return sum(outcome.queries for outcome in self.outcomes) / self.seconds


# ---- Files that both sides read.

def write_lines(path: pathlib.Path, lines: list[str]) -> pathlib.Path:
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def our_stop_words() -> list[str]:
    source = (ROOT / "attacks/text/stop_words.cpp").read_text(encoding="utf-8")
    return re.findall(r'"([^"]+)"', source.partition("kEnglish[] = {")[2].partition("};")[0])


def best_class(entry: dict[str, list[str]]) -> str:
    return max(CLASSES, key=lambda of: len(entry.get(of, [])))  # of equals the first


def tags_of(text: str, bank: dict) -> list[str]:
    entries = [bank.get(word.lower()) for word in words_from_text(text)]
    return [CLASSES[best_class(entry)] if entry else "X" for entry in entries]


def nearest_rows(vectors: np.ndarray) -> np.ndarray:
    """[words, 1 + NEIGHBOURS], each row itself first; `vectors` have length 1."""
    blocks = []
    for begin in range(0, len(vectors), BLOCK):
        cosines = vectors[begin:begin + BLOCK] @ vectors.T
        rows = np.arange(len(cosines))
        cosines[rows, begin + rows] = 2
        near = np.argpartition(-cosines, NEIGHBOURS, axis=1)[:, :NEIGHBOURS + 1]
        near.sort(axis=1)  # of equally near ones the lower row first
        order = np.argsort(-np.take_along_axis(cosines, near, 1), axis=1, kind="stable")
        blocks.append(np.take_along_axis(near, order, 1))
    return np.concatenate(blocks).astype(np.int32)


def write_vectors(source: pathlib.Path, count: int, folder: pathlib.Path) -> WordEmbedding:
    """Of the first `count` words those that are one to TextAttack, too: ours takes no others."""
    words = source.with_name("words.txt").read_text(encoding="utf-8").split("\n")[:count]
    kept = [row for row, word in enumerate(words) if words_from_text(word) == [word]]
    vectors = np.asarray(np.load(source, mmap_mode="r")[kept], dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    words, near = [words[row] for row in kept], nearest_rows(vectors)
    write_lines(folder / "words.txt", words)
    np.save(folder / "vectors.npy", vectors)
    np.save(folder / "nn.npy", near)
    row_of = {word: row for row, word in enumerate(words)}
    return WordEmbedding(vectors, row_of, dict(enumerate(words)), near)


def write_bank(arguments: argparse.Namespace, sentences: list[Outcome]) -> dict:
    words = {word.lower() for sentence in sentences for word in words_from_text(sentence.original)}
    vocabulary = write_lines(arguments.output / "bank-words.txt", sorted(words))
    bank = arguments.output / "bank.json"
    subprocess.run([arguments.program, "build-bank", "--wordnet", arguments.wordnet, "--vocab",
                    vocabulary, "--out", bank], check=True, stdout=subprocess.DEVNULL)
    return json.loads(bank.read_text(encoding="utf-8"))


def write_tags(path: pathlib.Path, sentences: list[Outcome], bank: dict) -> dict[int, list[str]]:
    tags = {sentence.index: tags_of(sentence.original, bank) for sentence in sentences}
    write_lines(path, [json.dumps({"index": index, "tags": of}) for index, of in tags.items()])
    return tags


# ---- Saddle.

def run_here(arguments: argparse.Namespace, spec: str, resources: list) -> Run:
    report, lines = arguments.output / f"{spec}.json", arguments.output / f"{spec}-here.jsonl"
    place = ["--data-dir", arguments.data_dir] if arguments.data_dir else []
    subprocess.run([arguments.program, "attack", "--checkpoint", arguments.checkpoint, "--dataset",
                    "rotten-tomatoes-rated", *place, "--test-limit", str(arguments.examples),
                    "--attack", OUR_SPECS.get(spec, spec), "--compat", "2024", "--seed", str(arguments.seed),
                    "--threads", str(arguments.threads), "--device", arguments.device,
                    "--json", report, "--outcomes", lines, "--quiet", "--wordnet",
                    arguments.wordnet, "--stop-words", arguments.stop_words, *resources],
                   check=True, stdout=subprocess.DEVNULL)
    names = [field.name for field in dataclasses.fields(Outcome)]
    rows = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    outcomes = [Outcome(**{name: row[name] for name in names}) for row in rows]
    seconds = json.loads(report.read_text(encoding="utf-8"))["attacks"][0]["seconds"]
    return Run(sorted(outcomes, key=lambda outcome: outcome.index), seconds)


# ---- TextAttack.

class Victim(ModelWrapper):
    """From texts to logits."""

    def __init__(self, checkpoint: pathlib.Path, padding: str, device: str):
        with safe_open(checkpoint, "pt") as file:
            about = json.loads(file.metadata()["saddle"])
        options = about["options"]
        config = transformers.BertConfig(
            vocab_size=options["vocabulary"], hidden_size=options["width"],
            intermediate_size=options["hidden"], num_hidden_layers=options["layers"],
            num_attention_heads=options["heads"], max_position_embeddings=options["positions"],
            type_vocab_size=options["kinds"], hidden_act=options["activation"],
            layer_norm_eps=options["eps"], pad_token_id=options["padding"],
            num_labels=about["classes"])
        self.model = transformers.BertForSequenceClassification(config).eval()
        self.model.load_state_dict(load_file(checkpoint))
        self.model.to(device)
        self.tokenizer = transformers.BertTokenizerFast(str(checkpoint.with_name("vocab.txt")))
        self.padding, self.device = padding, device
        self.max_length = options["max_length" if padding == "longest" else "positions"]

    @torch.inference_mode()
    def __call__(self, texts: list[str]) -> torch.Tensor:
        batch = self.tokenizer(texts, padding=self.padding, truncation=True,
                               max_length=self.max_length, return_tensors="pt")
        return self.model(**batch.to(self.device)).logits


class BankSwap(WordSwapHowNet):
    """Substitutes from a bank, of the part of speech that `tags` has at the word's place."""

    def __init__(self, bank: dict):
        WordSwap.__init__(self)  # without HowNet, which WordSwapHowNet would download
        self.max_candidates, self.candidates_bank = -1, bank
        self.pos_dict = {tag: of for of, tag in CLASSES.items()}
        self.tags: list[str] = []  # of the sentence that is attacked
        AttackedText.pos_of_word_index = lambda text, i: self.tags[i]


class SynonymSwap(WordSwap):
    """Substitutes from a bank, of all parts of speech."""

    def __init__(self, bank: dict):
        super().__init__()
        self.bank = bank

    def _get_replacement_words(self, word: str) -> list[str]:
        entry = self.bank.get(word.lower(), {})
        found = dict.fromkeys(other for of in CLASSES for other in entry.get(of, []))
        return [recover_word_case(other, word) for other in found if is_one_word(other)]


def attacks_there(arguments: argparse.Namespace, victim: Victim, bank: dict,
                  vectors: WordEmbedding) -> dict[str, Attack]:
    """As the recipes PSOZang2020, IGAWang2019, PWWSRen2019 and TextFoolerJin2019 have them."""
    stop = StopwordModification(stopwords=arguments.stop_words.read_text(encoding="utf-8").split())
    repeat = RepeatModification()

    def attack(swap: WordSwap, constraints: list, search) -> Attack:
        return Attack(UntargetedClassification(victim), constraints, swap, search)

    near = WordEmbeddingDistance(vectors, max_mse_dist=0.5, compare_against_original=False)
    iga = ImprovedGeneticAlgorithm(pop_size=60, max_iters=20, max_replace_times_per_index=5,
                                   post_crossover_check=False)
    return {
        "pwws": attack(SynonymSwap(bank), [repeat, stop], GreedyWordSwapWIR("weighted-saliency")),
        "pso": attack(BankSwap(bank), [repeat, stop],
                      ParticleSwarmOptimization(pop_size=60, max_iters=20)),
        "iga": attack(WordSwapEmbedding(NEIGHBOURS, vectors),
                      [stop, MaxWordsPerturbed(max_percent=0.2), near], iga),
        "textfooler": attack(WordSwapEmbedding(NEIGHBOURS, vectors),
                             [repeat, stop, WordEmbeddingDistance(vectors, min_cos_sim=0.5)],
                             GreedyWordSwapWIR("delete")),
    }


STATUS = {"SkippedAttackResult": "skipped", "SuccessfulAttackResult": "succeeded",
          "FailedAttackResult": "failed"}


def run_there(attack: Attack, sentences: list[Outcome], tags: dict[int, list[str]],
              seed: int) -> Run:
    np.random.seed(seed)
    outcomes, begin = [], time.perf_counter()
    for sentence in sentences:
        if isinstance(attack.transformation, BankSwap):
            attack.transformation.tags = tags[sentence.index]
        result = attack.attack(sentence.original, sentence.label)
        outcomes.append(Outcome(sentence.index, sentence.label, STATUS[type(result).__name__],
                                result.num_queries, sentence.original,
                                result.perturbed_result.attacked_text.text))
    return Run(outcomes, time.perf_counter() - begin)


# ---- Both.

COLUMNS: list[tuple[str, Callable[[Run], float], str]] = [
    ("success, %", Run.success, ".1f"), ("queries", Run.queries, ".1f"),
    ("changed words, %", Run.changed, ".1f"), ("s", lambda run: run.seconds, ".1f"),
    ("queries/s", Run.speed, ".1f")]


def print_head() -> None:
    print("| attack |" + "".join(f" {name} there | here |" for name, _, _ in COLUMNS) +
          " times the queries/s | sentences judged otherwise |")
    print("|---|" + "---:|" * (2 * len(COLUMNS) + 2), flush=True)


def print_row(spec: str, there: Run, here: Run) -> None:
    cells = [f" {value(run):{form}} |" for _, value, form in COLUMNS for run in (there, here)]
    pairs = zip(there.outcomes, here.outcomes, strict=True)
    otherwise = sum(a.status != b.status for a, b in pairs)
    print(f"| {spec} |" + "".join(cells) + f" {here.speed() / there.speed():.2f} | {otherwise} |",
          flush=True)


def arguments_of_command_line() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build/bin/saddle-text")
    parser.add_argument("--checkpoint", type=pathlib.Path, required=True)
    parser.add_argument("--data-dir", type=pathlib.Path,
                        help="of rotten-tomatoes-rated; none: where saddle-text looks for it")
    parser.add_argument("--vectors", type=pathlib.Path, required=True,
                        help="vectors.npy, words.txt beside it")
    parser.add_argument("--words", type=int, default=20000,
                        help="how many of the vectors, the first ones")
    parser.add_argument("--wordnet", type=pathlib.Path, default="/usr/share/wordnet")
    parser.add_argument("--stop-words", type=pathlib.Path, help="a word a line; none: ours")
    parser.add_argument("--examples", type=int, default=100,
                        help="of the test split, the first ones")
    parser.add_argument("--attacks", nargs="+", choices=["pso", "iga", "pwws", "textfooler"],
                        default=["pso", "iga", "pwws", "textfooler"])
    parser.add_argument("--padding", choices=["longest", "max_length"], default="longest",
                        help="of the victim there; max_length: 512 tokens, as in its own wrapper")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="of both sides")
    parser.add_argument("--threads", type=int, default=1, help="of both sides")
    parser.add_argument("--seed", type=int, default=765, help="TextAttack's")
    parser.add_argument("--output", type=pathlib.Path,
                        help="a folder for all files; none: a new one")
    arguments = parser.parse_args()
    arguments.output = arguments.output or pathlib.Path(tempfile.mkdtemp(prefix="attacks-"))
    arguments.output.mkdir(parents=True, exist_ok=True)
    if not arguments.stop_words:
        arguments.stop_words = write_lines(arguments.output / "stop-words.txt", our_stop_words())
    require_files(arguments)
    return arguments


def require_files(arguments: argparse.Namespace) -> None:
    needed = {
        arguments.program: "cmake --build build --target saddle-text",
        arguments.checkpoint: "saddle-text train --dataset rotten-tomatoes-rated makes one",
        arguments.checkpoint.with_name("vocab.txt"): "saddle-text train leaves it there",
        arguments.vectors: "`make text-data` fetches GloVe's",
        arguments.vectors.with_name("words.txt"): "the words of the vectors, one a line",
        arguments.wordnet / "data.noun": "WordNet 3.0: apt install wordnet-base",
        arguments.stop_words: "a word a line"}
    missing = [f"{path} is missing: {mend}" for path, mend in needed.items() if not path.exists()]
    if missing:
        sys.exit("\n".join(missing))


def resources_of(folder: pathlib.Path) -> dict[str, list]:
    """Flags of our attacks. To call vectors counter-fitted keeps antonyms, as there."""
    vectors = ["--vectors", folder / "vectors.npy", "--vectors-kind", "counter-fitted",
               "--neighbours", folder / "nn.npy"]
    return {"pso": ["--bank", folder / "bank.json", "--tags", folder / "tags.jsonl"],
            "iga": vectors, "textfooler": vectors, "pwws": []}


def main() -> None:
    arguments = arguments_of_command_line()
    os.environ["RAYON_NUM_THREADS"] = str(arguments.threads)  # of the tokeniser
    torch.set_num_threads(arguments.threads)
    resources = resources_of(arguments.output)

    here = {"pwws": run_here(arguments, "pwws", resources["pwws"])}  # needs no sentences before
    sentences = here["pwws"].outcomes
    bank = write_bank(arguments, sentences)
    tags = write_tags(arguments.output / "tags.jsonl", sentences, bank)
    vectors = write_vectors(arguments.vectors, arguments.words, arguments.output)
    victim = Victim(arguments.checkpoint, arguments.padding, arguments.device)
    attacks = attacks_there(arguments, victim, bank, vectors)

    print(f"{len(sentences)} sentences, {arguments.threads} threads each, {arguments.device}; "
          f"there: textattack {RELEASE}, here: Saddle; files in {arguments.output}\n")
    print_head()
    for spec in arguments.attacks:
        if spec not in here:
            here[spec] = run_here(arguments, spec, resources[spec])
        there = run_there(attacks[spec], sentences, tags, arguments.seed)
        write_lines(arguments.output / f"{spec}-there.jsonl",
                    [json.dumps(dataclasses.asdict(outcome)) for outcome in there.outcomes])
        print_row(spec, there, here[spec])


if __name__ == "__main__":
    main()
