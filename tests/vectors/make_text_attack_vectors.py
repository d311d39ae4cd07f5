#!/usr/bin/env python3
"""Write text_attacks.json: what TextAttack's searches make of made-up sentences.

    python tests/vectors/make_text_attack_vectors.py

in a virtual environment with textattack 0.3.10 (the searches of 2024), then in one with 0.3.11 (those
of 2026): the first writes the file, the second adds to it. The searches are TextAttack's own; the
victim adds up numbers of words, and candidates, vectors and tags come from tables that are made here.
Numbers of words are multiples of 1/64 and no sentence repeats a word, so that sums are exact and ties
rare. Searches that draw are run many times; of them the file has, by sentence, how many runs succeeded
and mean and standard deviation of the queries. The swarm has a sentence of its own besides, of four
words with two candidates each: all its 81 texts can be counted.
"""
import importlib.metadata
import json
import logging
import os
import random

import numpy as np
import textattack
import torch
from textattack.constraints import Constraint
from textattack.constraints.overlap import MaxWordsPerturbed
from textattack.constraints.pre_transformation import RepeatModification, StopwordModification
from textattack.constraints.semantics import WordEmbeddingDistance
from textattack.goal_functions import UntargetedClassification
from textattack.models.wrappers import ModelWrapper
from textattack.search_methods import (GreedySearch, GreedyWordSwapWIR, ImprovedGeneticAlgorithm,
                                       ParticleSwarmOptimization)
from textattack.shared import AbstractWordEmbedding
from textattack.shared.utils import is_one_word, words_from_text
from textattack.transformations import WordSwap

HERE = os.path.dirname(os.path.abspath(__file__))
FILE = os.path.join(HERE, "text_attacks.json")
WORDS, SENTENCES, DRAWN, RUNS, FOUR_WORDS_RUNS = 120, 40, 12, 60, 300
RELEASE = importlib.metadata.version("textattack")
YEAR = {"0.3.10": "2024", "0.3.11": "2026"}[RELEASE]


def make_problem():
    draw = random.Random(7)
    words = ["w%d" % i for i in range(WORDS)]
    vectors = {}
    for word in words:
        vector = np.array([draw.gauss(0, 1) for _ in range(4)])
        vectors[word] = [float(x) for x in np.float32(vector / np.linalg.norm(vector)).round(4)]

    def nearest(word):
        distance = {other: sum((a - b) ** 2 for a, b in zip(vectors[word], vectors[other]))
                    for other in words if other != word}
        return sorted(distance, key=distance.get)[:draw.randint(0, 7)]

    theta = {word: round(draw.gauss(0, 1) * 64) / 64 for word in words}
    bank = {word: nearest(word) + draw.choice([[], ["two words", "new-" + word]]) for word in words}
    examples = []
    while len(examples) < SENTENCES:
        chosen = draw.sample(words, draw.randint(4, 15))
        z = 0.125 + sum(theta[word] for word in chosen)
        if not 2 < abs(z) < 5:
            continue  # so that one swap seldom suffices
        text = "".join(word + draw.choice([" ", " ", " , ", " ... "]) for word in chosen).strip()
        right = int(z > 0)
        examples.append({"text": text, "label": right if len(examples) % 8 else 1 - right})
    return {"theta": theta, "bias": 0.125, "bank": bank, "vectors": vectors, "stop_words": words[:12],
            "tags": {word: draw.choice(["NOUN", "VERB", "ADJ"]) for word in words}, "examples": examples}


def four_words():
    theta, bank = {}, {}
    for i in "0123":
        theta.update({"a" + i: 1, "x" + i: -1, "y" + i: 0.5})
        bank["a" + i] = ["x" + i, "y" + i]
    return {"theta": theta, "bias": 0.6, "bank": bank, "vectors": {}, "stop_words": [], "tags": {}}


class Victim(ModelWrapper):
    def __init__(self, problem):
        self.problem, self.model = problem, self

    def __call__(self, texts):
        z = [self.problem["bias"] + sum(self.problem["theta"].get(word, 0) for word in words_from_text(text))
             for text in texts]
        return torch.tensor([[0.0, value] for value in z])


class Bank(WordSwap):
    def __init__(self, problem):
        super().__init__()
        self.bank = problem["bank"]

    def _get_replacement_words(self, word):
        return [other for other in self.bank.get(word, []) if is_one_word(other)]


class Vectors(AbstractWordEmbedding):
    def __init__(self, problem):
        self.vectors = {word: np.float32(vector) for word, vector in problem["vectors"].items()}

    def __getitem__(self, index):
        return self.vectors[index]

    def word2index(self, word):
        if word not in self.vectors:
            raise KeyError(word)
        return word

    def index2word(self, index):
        return index

    def get_mse_dist(self, a, b):
        return float(np.sum((self.vectors[a] - self.vectors[b]) ** 2))

    def get_cos_sim(self, a, b):
        return float(np.sum(self.vectors[a] * self.vectors[b]))

    def nearest_neighbours(self, index, topn):
        raise NotImplementedError


class SameTag(Constraint):
    """Stands for PartOfSpeech: the tag of a word is the table's."""

    def __init__(self, problem):
        super().__init__(True)
        self.tags = problem["tags"]

    def _check_constraint(self, transformed_text, reference_text):
        for i in transformed_text.attack_attrs["newly_modified_indices"]:
            tags = {self.tags.get(text.words[i]) for text in (transformed_text, reference_text)}
            if len(tags) > 1 and not tags <= {"NOUN", "VERB"}:
                return False
        return True


def make_attack(name, problem):
    repeat, stop = RepeatModification(), StopwordModification(stopwords=problem["stop_words"])
    vectors = Vectors(problem)
    constraints, search = {
        "pwws": lambda: ([repeat, stop], GreedyWordSwapWIR("weighted-saliency")),
        "textfooler": lambda: ([repeat, stop, WordEmbeddingDistance(vectors, min_cos_sim=0.5), SameTag(problem)],
                               GreedyWordSwapWIR("delete")),
        "greedy": lambda: ([repeat, stop], GreedySearch()),
        "pso": lambda: ([repeat, stop], ParticleSwarmOptimization()),
        "iga": lambda: ([stop, MaxWordsPerturbed(max_percent=0.2),
                         WordEmbeddingDistance(vectors, max_mse_dist=0.5, compare_against_original=False)],
                        ImprovedGeneticAlgorithm(post_crossover_check=False)),
    }[name]()
    return textattack.Attack(UntargetedClassification(Victim(problem)), constraints, Bank(problem), search)


STATUS = {"SkippedAttackResult": "skipped", "SuccessfulAttackResult": "succeeded", "FailedAttackResult": "failed"}


def outcome(attack, example):
    result = attack.attack(example["text"], example["label"])
    status = STATUS[type(result).__name__]
    text = example["text"] if status == "skipped" else result.perturbed_result.attacked_text.text
    return {"status": status, "queries": result.num_queries, "text": text}


def drawn(attack, example, runs):
    runs = [outcome(attack, example) for _ in range(runs)]
    queries = np.array([run["queries"] for run in runs])
    return {"successes": sum(run["status"] == "succeeded" for run in runs),
            "queries": float(queries.mean()), "deviation": float(queries.std(ddof=1))}


def main():
    logging.disable(logging.CRITICAL)
    np.random.seed(765)
    problem = make_problem()
    vectors = {"problem": problem, "runs": RUNS}
    if os.path.exists(FILE):
        with open(FILE) as file:
            vectors = json.load(file)
        assert vectors["problem"] == problem, FILE + " has another problem: remove it and begin anew"
    for name in ["pwws", "textfooler", "greedy"]:
        attack = make_attack(name, problem)
        outcomes = [outcome(attack, example) for example in problem["examples"]]
        assert vectors.setdefault(name, outcomes) == outcomes, name + " changed between the releases"
    for name in ["pso", "iga"]:
        attack = make_attack(name, problem)
        vectors[name + "_" + YEAR] = [drawn(attack, example, RUNS) for example in problem["examples"][:DRAWN]]
    sentence = {"text": "a0 a1 a2 a3", "label": 1}
    vectors["four_words_runs"] = FOUR_WORDS_RUNS
    vectors["four_words_" + YEAR] = drawn(make_attack("pso", four_words()), sentence, FOUR_WORDS_RUNS)
    vectors["textattack_" + YEAR] = RELEASE
    with open(FILE, "w") as file:
        file.write("{" + ",\n".join(json.dumps(key) + ": " + json.dumps(value, separators=(",", ":"))
                                    for key, value in sorted(vectors.items())) + "}\n")


main()
