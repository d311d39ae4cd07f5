#!/usr/bin/env python3
"""Write wordpiece.json: hostile texts and the ids that Hugging Face's tokenizers gives them.

    python tests/vectors/make_wordpiece_vectors.py

in a virtual environment with tokenizers; the settings are those of bert-base-uncased. The vocabulary
is made here of the texts themselves: their characters, without every 29th, and parts of their words.

A whole vocabulary and more texts, a text a line of UTF-8, are compared by

    python tests/vectors/make_wordpiece_vectors.py --compare VOCAB TEXTS IDS [MAX_LENGTH]

where IDS has a line of ids for each text, with blanks between. --random N writes N such texts of
random characters. tokenizers knows Unicode 8 (apps/data/pre_tokens.h), so characters here are those
that have not changed since Unicode 3.2; the texts have some besides that are not assigned.
"""
import json
import os
import random
import sys
import unicodedata
import zlib

import tokenizers

HERE = os.path.dirname(os.path.abspath(__file__))
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
MAX_LENGTH = 512

TEXTS = [
    # English
    "", " ", "\t \r\n", "a", "A", ".", "the film", "The Film's ending isn't what it's cracked up to be.",
    "a small , slow-burning comedy of two neighbours who share a wall -- and little else .",
    "they're loud , he's lost , and nobody - not even the dog - isn't bored by the second reel .",
    "UNBELIEVABLY, unforgettable; unaffable... unwatchable?! re-re-re-remade",
    "$5.00+tax<=~^ {a}|[b]\\c/d @e #f %g &h *i (j) k_l `m` \"n\" 'o' p:q;r",
    "http://example.org/~user?id=1&x=[2]#top mail@example.org 3,141.59 1e-9 0x1F 10% C++ a_b", "x" * 99,
    "x" * 100, "x" * 101, "film" * 25, "film" * 25 + "s", "x" * 5000, "-" * 300, "é" * 100, "é" * 101,
    "e\u0301" * 100, "e\u0301" * 101, "𝒳" * 100, "𝒳" * 101, "각" * 33 + "a", "각" * 34,
    ("y" * 100 + " ") * 3 + "y" * 101, "漢" * 101, "a " * 600, "the film " * 255, "the film " * 254 + "the",
    # accents and case
    "Café NAÏVE Ångström Über FAÇADE señor Dvořák Łódź Ørsted Þór Æsir œuvre Straße GROẞE ĳ Ĳ",
    "cafe\u0301 nai\u0308ve A\u030angstro\u0308m e\u0301\u0302\u0303\u0323 \u0301 \u0301a a\u0301 \u0301",
    "ΟΔΟΣ ς Σ ΑΣ. άέήίόύώ ΐ ΰ ϊ Ω Ω K Å \u0345 ᾳ ᾼ ᾈ ᾘ ᾨ",
    "İstanbul IĞDIR ı İ i\u0307 Iı Şğ ǅ Ǆ ǈ ǲ ŉ ǰ ẖ ẞ ß ſ", "Привет, МИР! Ёж и Йод Їжак Ґанок ѐ Ѝ ў Ѷ Ӂ",
    "Ԁ Ⴀ Ⴥ Ⅷ ⅷ Ⓐ ⓐ Ａ ａ 𐐀 𐐨 𝐀 𝒜 Ꭰ", "Việt Nam: Tiếng Việt đẹp, Đường phố Hồ Chí Minh",
    "ﬁne ﬂow ﬃ ﬄ ﬆ ŀ ½ ² ª º ™ ℡ ㎏ ㏒ \ufdfa",
    # CJK, Kana, Hangul
    "東京 is ok漢字ab、「引用」。", "カタカナ ひらがな ガギグゲゴ パピプペポ ｶﾞ ー ゝゞ 々 〆 〇 ヶ", "한국어 각 가 힣 ᄒ ᅡ ᆫ 한 ㄱ ﾡ",
    "㐀㐁 䶵䶿 一丁 龥鿿 豈更 舘鶴 﨎﨏 𠀀𠀁 𪛖 𪜀𫜴 𫝀𫠝 𫠠a𫢠 𬺡 丽𪘀 a⺀b ⼀c ㆐d 㐀e", "漢\u0301字 漢\u200d字 漢\u3000字 漢\ufe00",
    # other scripts
    "\u0627\u0644\u0639\u064e\u0631\u064e\u0628\u0650\u064a\u064e\u0651\u0629 \u0645\u064f\u062d\u064e\u0645"
    "\u064e\u0651\u062f، \u0647\u0644\u061f \u0671\u0644\u0631\u064e\u0651\u062d\u0652\u0645\u064e\u0670"
    "\u0646 \u0644\u0627 \ufefb \u0640 \u0660\u0661\u0662",
    "\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd \u05e2\u05d5\u05b9\u05dc\u05b8\u05dd\u05f4 \u05f3 \u05be "
    "\u05e9\u05c1 \u05d9\u05b4",
    "ह\u093fन\u094dद\u0940 क\u094dषत\u094dर\u093fय ज\u093c फ\u093c ।॥ ०१",
    "ব\u09be\u0982ল\u09be ভ\u09beষ\u09be। \u09cb \u09cc ড\u09bc", "தம\u0bbfழ\u0bcd \u0bca",
    "త\u0c46ల\u0c41గ\u0c41 ಕನ\u0ccdನಡ \u0cc0 മലയ\u0d3eള\u0d02 \u0d4a", "ไทย น\u0e49ำ ๆ ฯ ๏ ลาว ຳ",
    "བ\u0f7cད་ཡ\u0f72ག ། ག\u0fb7 \u0f71\u0f72", "ខ\u17d2ម\u17c2រ ។ ម\u17b7យန\u103aမ\u102c ။",
    "ქართული ჻ Հայերեն ՞ և አማርኛ ። ᏣᎳᎩ ᐃᓄᒃ ᚠᚢ ᛫",
    # marks, spaces, controls
    "\u302e\u302f a\u302f\u302eb\u302e\u0301\u302f \U0001d165\U0001d16d \U0001d15e\U0001d16e\U0001d1aa "
    "\U0001d16d\x07\u302e",
    "a\u20ddb\u20e3c 1\ufe0f\u20e3 \u0489d \u0903\u0902\u0901",
    "a\xa0b\u1680c\u2000d\u2003e\u200af\u2028g\u2029h\u202fi\u205fj\u3000k",
    "a\tb\nc\x0bd\x0ce\rf\x1cg\x1fh i\x7fj\x80k\x85l\x9fm\xa0n\xadp", "a\x00b\x01c \x07 \x1b[31mred\x1b[0m",
    "a\u200bb\u200cc\u200dd\u200ee\u202af\u202eg\u2060h\u2066i\u206fj\ufeffk\ufff9l\ufffbm",
    "soft\xadhy\xadphen zero\u200bwidth word\u2060joiner \ufeffmark",
    "u\u0378v \ue000w\uf8ffx y\ufffdz \U000f0000a\U0010fffdb",
    "a\ufdd0b\ufdefc\ufffed\uffffe\U0001fffef\U0010ffffg",
    "a\u0530b\u0557c\u05ffd\u2fffe\u2065f\ufff0g\U000e0080h", "a\U000e0001b\U000e0041c\U000e007fd",
    "1\u0301\x852 a\u034f\u0301b\u180bc\u180ed",
    "\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301 a" + "\u0301\u0323" * 300 + "b", "\u0323\u0301." * 3,
    # punctuation and symbols
    "“quoted”—dash… ‘single’ «guillemets» ‹a› „low‚ –en −minus ‐hyphen ‑nb ―bar",
    "€5 ×2 °C №1 ½ £ ¥ © ® ± ÷ ¬ ¤ ¦ § ¶ · ¿ ¡ ¨ ´ ¸ ¯ ˜ ˆ",
    "\u037e \u0387 \u1fef ᾽ \u2329\u232a \u212b\u2126\u212a \u2001\u2000 〈〉 ‿⁀ ＿ ！＂＃＄％＆ ＋ ～ ￥",
    "〈《「『【〔〖〘〚〜〝〞〟〰 ・ ｡｢｣､･ ﹏﹐﹔﹖﹡﹣﹨﹫", "⟨⟩ ⦃⦄ ⸀⸁⸂ ❨❩ ✓ ★ → ∑ ∀ ■ ♥ ␀ ⠿ ░",
    "it‘s it’s it`s it´s it′s “”‘’ '' `` \"\" ''' ``quoted''",
    # emoji
    "😀😃 👍🏽 👩\u200d👩\u200d👧\u200d👦 ❤\ufe0f ❤ 🏳\ufe0f\u200d🌈 🇩🇪 1\ufe0f\u20e3 ☕\ufe0e 🤷\u200d♀\ufe0f great😀film"
    " 😀.",
    "🧑🏿\u200d🚀👨\u200d👩\u200d👧 🏻 \u200d\ufe0f",
    # special tokens
    "the [MASK] film", "the [mask] film", "[CLS] a [SEP] b [PAD] [UNK]", "a[MASK]b[SEP]", "[[MASK]] [MASK",
    "MASK] [ MASK ] [MA SK]", "[MASK][MASK]", "[Mask] [CLs] [SEP ] [\u200bSEP]", "[S\xadEP] [SE\u0301P] [ＳＥＰ]",
    "[UNK][unk]", "é[SEP]\u0301é", "\u302f[PAD]\u302e", "[unused0] [unused1] ##s # #s ##", "[CLS" * 5, "]" * 5,
    "[SEP]" * 600,
]

# First and last of the ranges of ideographs, in Google's tokeniser and Hugging Face's.
EDGES = (0x3400, 0x4dbf, 0x4e00, 0x9fff, 0xf900, 0xfaff, 0x20000, 0x2a6df, 0x2a700, 0x2b73f, 0x2b740, 0x2b81f, 0x2b820,
         0x2b920, 0x2ceaf, 0x2f800, 0x2fa1f)
TEXTS += [f"a{chr(edge - 1)}b{chr(edge)}c{chr(edge + 1)}d" for edge in EDGES]


def is_stable(code):
    category = unicodedata.category(chr(code))
    return category not in ("Cn", "Cs") and category == unicodedata.ucd_3_2_0.category(chr(code))


def tokenizer_of(vocabulary):
    """That of bert-base-uncased, by the defaults of tokenizers."""
    return tokenizers.BertWordPieceTokenizer({piece: i for i, piece in enumerate(vocabulary)}, lowercase=True)


def words_of(tokenizer, text):
    return [w for w, _ in tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(text))]


def boundary_texts():
    """The characters at which what becomes of a character changes, and the one before each."""
    tokenizer = tokenizer_of(SPECIAL)

    def fate(code):
        words = words_of(tokenizer, f"x{chr(code)}x")
        return len(words), len("".join(words)), chr(code) in "".join(words)

    codes = [code for code in range(0x110000) if is_stable(code)]
    kept = set()
    for before, code in zip(codes, codes[1:]):
        if fate(before) != fate(code):
            kept.update((before, code))
    words = [f"a{chr(code)}b" for code in sorted(kept)]
    return [" ".join(words[start:start + 100]) for start in range(0, len(words), 100)]


def vocabulary_of(texts):
    words = sorted({w for text in texts for w in words_of(tokenizer_of(SPECIAL), text) if len(w) <= 100})
    characters = sorted({c for word in words for c in word})
    kept = [c for i, c in enumerate(characters) if c.isascii() or i % 29]
    parts = set()
    for word in words:
        if len(word) > 3:
            cut = 1 + zlib.crc32(word.encode()) % min(len(word) - 1, 7)
            parts.update((word[:cut], "##" + word[cut:cut + 7]))
    odd = ["[PAD]", "[unused0]", "[UNK]", "##ilm", "[SEP]", "[CLS]", "[MASK]", "film", "the"]
    rest = kept + ["##" + c for c in kept] + sorted(parts)
    return list(dict.fromkeys(odd + rest))


def write_vectors():
    texts = TEXTS + boundary_texts()
    vocabulary = vocabulary_of(texts)
    tokenizer = tokenizer_of(vocabulary)
    tokenizer.enable_truncation(MAX_LENGTH)
    cases = [{"text": text, "ids": tokenizer.encode(text).ids} for text in texts]
    about = dict(tokenizers=tokenizers.__version__, command="python tests/vectors/make_wordpiece_vectors.py")
    path = os.path.join(HERE, "wordpiece.json")
    compact = dict(separators=(",", ":"))
    with open(path, "w") as file:
        file.write('{"about":%s,\n"max_length":%d,\n"vocabulary":%s,\n"cases":[\n' % (
            json.dumps(about), MAX_LENGTH, json.dumps(vocabulary, **compact)))
        file.write(",\n".join(json.dumps(case, **compact) for case in cases) + "\n]}\n")
    unknown = sum(case["ids"].count(vocabulary.index("[UNK]")) for case in cases)
    print(f"wrote {path}: {len(vocabulary)} pieces, {len(cases)} texts, {sum(len(c['ids']) for c in cases)} ids, "
          f"{unknown} of them unknown, {os.path.getsize(path) / 1024:.0f} KiB")


def write_random(count):
    codes = [code for code in range(0x110000) if is_stable(code) and code != 0x0a]
    near = [code for code in codes if code < 0x3000]
    draw = random.Random(1)
    for _ in range(count):
        pool = near if draw.random() < 0.5 else codes
        text = "".join(chr(draw.choice(pool) if draw.random() < 0.7 else draw.randrange(0x20, 0x7f))
                       for _ in range(draw.randrange(1, 40)))
        sys.stdout.buffer.write(text.encode() + b"\n")


def compare(vocab, texts, ids, max_length=MAX_LENGTH):
    def lines_of(path):
        with open(path, encoding="utf-8", newline="\n") as file:
            return [line.rstrip("\n") for line in file]

    tokenizer = tokenizer_of([line.rstrip("\r") for line in lines_of(vocab)])
    tokenizer.enable_truncation(int(max_length))
    texts, ids = lines_of(texts), lines_of(ids)
    assert len(texts) == len(ids), f"{len(texts)} texts, {len(ids)} lines of ids"
    different = 0
    for text, got in zip(texts, ids):
        expected = " ".join(map(str, tokenizer.encode(text).ids))
        if got == expected:
            continue
        different += 1
        if different <= 10:
            print(f"{text!a}\n  got      {got}\n  expected {expected}")
    print(f"{different} of {len(texts)} texts differ")
    return 1 if different else 0


def main():
    if sys.argv[1:2] == ["--compare"]:
        sys.exit(compare(*sys.argv[2:]))
    if sys.argv[1:2] == ["--random"]:
        return write_random(int(sys.argv[2]))
    return write_vectors()


if __name__ == "__main__":
    main()
