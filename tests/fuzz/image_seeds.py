#!/usr/bin/env python3
"""Writes an image of every kind that the decoders read, a few pixels each:
tests/fuzz/image_seeds.py [--labels] DIR    with --labels the PNGs of class indices, else all images

PNGs are made here; the JPEGs (9 x 10 pixels, by libjpeg) and WebPs (by libwebp) are given below.
"""
import base64
import os
import struct
import sys
import zlib

# quality 20, Huffman tables of their own
JPEG = {
    "grey": "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDACgcHiMeGSgjISMtKygwPGRBPDc3PHtYXUlkkYCZlo+AjIqgtObDoKrarYqMyP/L"
            "2u71////m8H////6/+b9//j/wAALCAAKAAkBAREA/8QAFQABAQAAAAAAAAAAAAAAAAAABAP/xAAcEAABBAMBAAAAAAAAAAAA"
            "AAAAAQMhYQQRFFH/2gAIAQEAAD8Agxi0J5aEMIkQJ0nh/9k=",
    "colour": "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDACgcHiMeGSgjISMtKygwPGRBPDc3PHtYXUlkkYCZlo+AjIqgtObDoKrarYqMyP/L"
              "2u71////m8H////6/+b9//j/2wBDASstLTw1PHZBQXb4pYyl+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4"
              "+Pj4+Pj4+Pj4+Pj4+Pj/wAARCAAKAAkDASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAABAP/xAAcEAABBAMBAAAAAAAA"
              "AAAAAAAAAQMhYQQRFFH/xAAVAQEBAAAAAAAAAAAAAAAAAAAAAv/EABgRAAMBAQAAAAAAAAAAAAAAAAABAwIS/9oADAMBAAIR"
              "AxEAPwCDGLQnloQwiRAnSeBMqNtcn//Z",
    "progressive": "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDACgcHiMeGSgjISMtKygwPGRBPDc3PHtYXUlkkYCZlo+AjIqgtObDoKrarYqMyP/L"
                   "2u71////m8H////6/+b9//j/2wBDASstLTw1PHZBQXb4pYyl+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4"
                   "+Pj4+Pj4+Pj4+Pj4+Pj/wgARCAAKAAkDASIAAhEBAxEB/8QAFAABAAAAAAAAAAAAAAAAAAAAA//EABUBAQEAAAAAAAAAAAAA"
                   "AAAAAAAB/9oADAMBAAIQAxAAAAE1RF//xAAYEAACAwAAAAAAAAAAAAAAAAAAAQIQEv/aAAgBAQABBQJRMir/xAAXEQADAQAA"
                   "AAAAAAAAAAAAAAAAAQIR/9oACAEDAQE/AYt4f//EABQRAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQIBAT8Bf//EABQQAQAAAAAA"
                   "AAAAAAAAAAAAACD/2gAIAQEABj8CH//EABQQAQAAAAAAAAAAAAAAAAAAACD/2gAIAQEAAT8hH//aAAwDAQACAAMAAAAQk//E"
                   "ABQRAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQMBAT8QB//EABURAQEAAAAAAAAAAAAAAAAAAAEA/9oACAECAQE/EBv/xAAaEAAC"
                   "AgMAAAAAAAAAAAAAAAAAAREhUWFx/9oACAEBAAE/ENRwKqohYP/Z",
    "cmyk": "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAoHB4jHhkoIyEjLSsoMDxkQTw3Nzx7WF1JZJGAmZaPgIyKoLTmw6Cq2q2KjMj/y9ru"
            "9f///5vB////+v/m/f/4/8AAFAgACgAJBEMRAE0RAFkRAEsRAP/EABgAAAMBAQAAAAAAAAAAAAAAAAAEBQMC/8QAHhABAAED"
            "BQEAAAAAAAAAAAAAAAEEERQFMUFRYSH/2gAOBEMATQBZAEsAAD8Ay0zgvgeMKen2+LK0MDw3j+BF0zhbtHUO6eNgtC0dQbsH"
            "/9k=",
}
WEBP = {
    "lossy": "UklGRjoAAABXRUJQVlA4IC4AAADQAQCdASoJAAoABUB8JagCsAEOte3GAAD+6f09A6BaeaIHKp6T6jPy11/S+8AA",
    "lossless": "UklGRioAAABXRUJQVlA4TB4AAAAvCEACALkKRPQ/dhHR/4CQgHDD/62aAdMxDZHA0R8=",
}


def without_adobe(jpeg):
    """Without the marker that says what the four components are."""
    at = jpeg.index(b"\xff\xee")
    return jpeg[:at] + jpeg[at + 2 + int.from_bytes(jpeg[at + 2:at + 4], "big"):]


WIDTH, HEIGHT = 9, 5
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6  # colour types
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(colour, depth, interlaced=False, between=b"", values=None, level=9):
    """Pixels take `values` values, or 2^depth; at level 0 their bytes stand in the file as they are."""
    values = values or 1 << depth

    def rows(x0, y0, dx, dy):
        for y in range(y0, HEIGHT, dy):
            bits = "".join(format((x * 29 + y * 53 + c * 7) % values if colour != PALETTE else (x + y) % min(values, 4),
                                  f"0{depth}b") for x in range(x0, WIDTH, dx) for c in range(CHANNELS[colour]))
            if bits:
                bits += "0" * (-len(bits) % 8)
                yield b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")

    adam7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    data = b"".join(row for step in (adam7 if interlaced else ((0, 0, 1, 1),)) for row in rows(*step))
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, colour, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + between + chunk(b"IDAT", zlib.compress(data, level))
            + chunk(b"IEND", b""))


def bmp():
    rows = b"".join(bytes((x * 29 + y * 53 + c * 7) % 256 for x in range(WIDTH) for c in range(3)) + b"\0" * (-3 * WIDTH % 4)
                    for y in range(HEIGHT))
    return (b"BM" + struct.pack("<IHHI", 54 + len(rows), 0, 0, 54)
            + struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 24, 0, len(rows), 2835, 2835, 0, 0) + rows)


def images():
    palette = chunk(b"PLTE", bytes(range(0, 240, 20)))
    files = {
        "grey.png": png(GREY, 8), "grey1.png": png(GREY, 1), "grey16.png": png(GREY, 16),
        "grey_alpha.png": png(GREY_ALPHA, 8), "grey_alpha16.png": png(GREY_ALPHA, 16),
        "rgb.png": png(RGB, 8), "rgb16.png": png(RGB, 16), "rgba.png": png(RGBA, 8), "rgba16.png": png(RGBA, 16),
        "palette2.png": png(PALETTE, 2, between=palette), "palette8.png": png(PALETTE, 8, between=palette),
        "palette_alpha.png": png(PALETTE, 4, between=palette + chunk(b"tRNS", b"\x00\x80")),
        "grey_key.png": png(GREY, 8, between=chunk(b"tRNS", b"\0\x1d")),
        "interlaced.png": png(RGB, 8, interlaced=True), "interlaced1.png": png(GREY, 1, interlaced=True),
        "interlaced16.png": png(RGBA, 16, interlaced=True), "rgb.bmp": bmp(),
    }
    for kind, data in JPEG.items():
        files[kind + ".jpeg"] = base64.b64decode(data)
    files["cmyk_without_adobe.jpeg"] = without_adobe(files["cmyk.jpeg"])
    for kind, data in WEBP.items():
        files[kind + ".webp"] = base64.b64decode(data)
    return files


def labels():
    """Every depth of both colour types, compressed and stored, interlaced and not."""
    files = {}
    for colour, name, depths in ((GREY, "grey", (1, 2, 4, 8, 16)), (PALETTE, "palette", (1, 2, 4, 8))):
        for depth in depths:
            palette = chunk(b"PLTE", bytes(3 << depth)) if colour == PALETTE else b""
            for level in (0, 9):
                for interlaced in (False, True):
                    files[f"{name}{depth}_{level}_{int(interlaced)}.png"] = png(
                        colour, depth, interlaced, palette, values=1 << min(depth, 8), level=level)
    return files


def main():
    files = labels() if sys.argv[1] == "--labels" else images()
    folder = sys.argv[-1]
    for name, data in files.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)


if __name__ == "__main__":
    main()
