"""Importing this makes `textattack` importable by itself, without its thirty dependencies.

What it imports and the searches of compare_attacks.py never use (flair, nltk, datasets, ...) is
replaced by empty modules, and its own downloads at the first import are told to be done. Its true
dependencies are torch, transformers, numpy and lru-dict.
"""

import importlib.abc
import importlib.machinery
import importlib.metadata
import logging
import os
import pathlib
import sys
import tempfile
import types

RELEASE = "0.3.10"
UNUSED = {"OpenHowNet", "bert_score", "datasets", "editdistance", "flair", "jieba", "langdetect",
          "language_tool_python", "lemminflect", "more_itertools", "nltk", "num2words", "pandas",
          "pinyin", "requests", "scipy", "stanza", "tensorflow_hub", "terminaltables",
          "word2number"}


class Empty(type):
    """A class that has whatever it is asked for."""

    def __getattr__(cls, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return Empty(name, (), {})

    def __call__(cls, *arguments, **named):
        return []  # as of a list of stop words


class EmptyModule(types.ModuleType):
    __getattr__ = Empty.__getattr__


class EmptyModules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the modules of UNUSED, also where there are true ones."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in UNUSED:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return EmptyModule(spec.name)

    def exec_module(self, module):
        pass


def import_textattack() -> None:
    """So that it neither downloads anything nor misses what it does not use."""
    try:
        release = importlib.metadata.version("textattack")
    except importlib.metadata.PackageNotFoundError:
        release = "none"
    if release != RELEASE:
        sys.exit(f"textattack {RELEASE} is needed, there is {release}: "
                 f"pip install --no-deps textattack=={RELEASE}")
    finder = EmptyModules()
    sys.meta_path.insert(0, finder)
    with tempfile.TemporaryDirectory() as cache:
        (pathlib.Path(cache) / "post_install_check_3").touch()  # "the downloads are done"
        os.environ["TA_CACHE_DIR"] = cache
        import textattack  # noqa: F401
    sys.meta_path.remove(finder)
    for name in [name for name, module in sys.modules.items() if isinstance(module, EmptyModule)]:
        del sys.modules[name]  # others shall see that they are not there
    logging.disable(logging.CRITICAL)


import_textattack()
