"""A network for text and what trains and attacks it, as small as can be, for the campaigns of kills and of
faults: a folder as `transformers` saves it, reviews, near words, substitutes and parts of speech."""
import json
import os
import struct

WIDTH, HIDDEN, LAYERS, POSITIONS = 24, 40, 2, 32
NOISE = ["film", "story", "plot", "scene", "script", "actor", "music", "day", "place", "street", "house", "river"]
GOOD, BAD = ["good", "fine"], ["bad", "poor"]
GROUPS = {"adj": GOOD + BAD, "noun": NOISE}  # of words that stand for each other in attacks
WORDS = [word for group in GROUPS.values() for word in group]
TEXT_WORDS = 12
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + WORDS


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def write_lines(path, lines):
    write(path, "".join(line + "\n" for line in lines))


def shapes():
    """Name -> shape of the tensors of a BERT."""
    def linear(name, rows, columns):
        return {name + ".weight": [rows, columns], name + ".bias": [rows]}

    def norm(name):
        return {name + ".LayerNorm.weight": [WIDTH], name + ".LayerNorm.bias": [WIDTH]}

    found = {f"embeddings.{name}_embeddings.weight": [rows, WIDTH]
             for name, rows in (("word", len(PIECES)), ("position", POSITIONS), ("token_type", 2))}
    found.update(norm("embeddings"))
    for i in range(LAYERS):
        layer = f"encoder.layer.{i}."
        for name in ("query", "key", "value"):
            found.update(linear(layer + "attention.self." + name, WIDTH, WIDTH))
        found.update(linear(layer + "attention.output.dense", WIDTH, WIDTH), **norm(layer + "attention.output"))
        found.update(linear(layer + "intermediate.dense", HIDDEN, WIDTH))
        found.update(linear(layer + "output.dense", WIDTH, HIDDEN), **norm(layer + "output"))
    found.update(linear("pooler.dense", WIDTH, WIDTH))
    return found


def make_encoder(folder, draw):
    os.makedirs(folder)
    write(os.path.join(folder, "config.json"), json.dumps({
        "model_type": "bert", "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": 3,
        "intermediate_size": HIDDEN, "max_position_embeddings": POSITIONS, "vocab_size": len(PIECES)}))
    write_lines(os.path.join(folder, "vocab.txt"), PIECES)
    header, data = {}, b""
    for name, shape in shapes().items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        of_norm = "LayerNorm.weight" in name
        values = [1. if of_norm else draw.gauss(0, 0.16) for _ in range(count)]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 4 * count]}
        data += struct.pack(f"<{count}f", *values)
    header = json.dumps(header).encode()
    with open(os.path.join(folder, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header + data)


def make_reviews(folder, draw):
    """Tables of 60 and 24 texts, one to eight of whose words say the class; the latter's words."""
    os.makedirs(folder)
    for split, count in (("train", 60), ("test", 24)):
        texts = []
        for i in range(count):
            words = [draw.choice(NOISE) for _ in range(TEXT_WORDS)]
            for place in draw.sample(range(TEXT_WORDS), 1 + i // 2 % 8):
                words[place] = draw.choice([BAD, GOOD][i % 2])
            texts.append(words)
        rows = [" ".join(words) + "," + ["bad", "good"][i % 2] for i, words in enumerate(texts)]
        write_lines(os.path.join(folder, split + ".csv"), ["text,label", *rows])
    return texts


def make_texts(root, draw):
    """Under `root`: encoder/, reviews/, and what attacks on these rest on: vectors.txt, bank.json, tags.jsonl."""
    make_encoder(os.path.join(root, "encoder"), draw)
    texts = make_reviews(os.path.join(root, "reviews"), draw)
    of = {word: name for name, group in GROUPS.items() for word in group}
    bank = {word: {of[word]: [other for other in WORDS if other != word and of[other] == of[word]]} for word in WORDS}
    write(os.path.join(root, "bank.json"), json.dumps(bank))
    write_lines(os.path.join(root, "tags.jsonl"),
                [json.dumps({"index": i, "tags": [of[word].upper() for word in words]})
                 for i, words in enumerate(texts)])
    vectors = {word: [(name == of[word]) + draw.uniform(0, 0.4) for name in GROUPS] for word in WORDS}
    write_lines(os.path.join(root, "vectors.txt"),
                [" ".join([word, *map(str, numbers)]) for word, numbers in vectors.items()])


def data(root):
    return ["--dataset", "text-csv", "--data-dir", os.path.join(root, "reviews"), "--quiet"]


def train(root, *flags):
    return ["saddle-text", "train", *data(root), "--encoder", os.path.join(root, "encoder"),
            "--max-length", str(POSITIONS), "--batch-size", "10", "--lr", "2e-3", "--output", "run", *flags]


def attack(root, victim, *flags):
    """`victim`: the working directory of a training. The page has an ending of its own since it has no times."""
    files = {"--bank": "bank.json", "--tags": "tags.jsonl", "--vectors": "vectors.txt"}
    return ["saddle-text", "attack", *data(root), "--checkpoint", os.path.join(victim, "run", "last.safetensors"),
            *(word for flag, name in files.items() for word in (flag, os.path.join(root, name))),
            "--vectors-kind", "counter-fitted", "--attack", "pso", "--attack", "iga",
            "--attack", "textfooler:pos=off", "--json", "result.json", "--outcomes", "outcomes.jsonl",
            "--html", "page.htm", *flags]
