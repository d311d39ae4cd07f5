"""No PyTorch: the scores of segmentations that apps/segment/confusion.h computes, once more.

Of masks of single classes with numpy, never of a matrix of counts. Prints what
tests/apps/segment_confusion_test.cpp expects; the pixels are made there by the same formulas.
"""

import numpy as np

CLASSES, VOID, IMAGES, PIXELS = 7, 255, 5, 77


def pixels():
    """Labels and predictions [images, pixels]. Class 6 only where the label is void, class 5 only
    predicted, class 4 labelled but never found; the fourth image has no class at all."""
    word = 1

    def below(n):
        nonlocal word
        word = (word * 1664525 + 1013904223) % 2**32
        return (word >> 16) % n

    labels = np.zeros((IMAGES, PIXELS), np.uint8)
    predictions = np.zeros_like(labels)
    for image in range(IMAGES):
        for pixel in range(PIXELS):
            label = below(5) if image % 2 == 0 else below(3)
            prediction = label if below(3) and label != 4 else below(6)
            prediction = 5 if label == 4 and prediction == 4 else prediction
            if image == 3 or below(8) == 0:
                label, prediction = VOID, below(CLASSES)
            labels[image, pixel], predictions[image, pixel] = label, prediction
    return labels, predictions


def scores(labels, predictions):
    predictions = predictions[labels != VOID]
    labels = labels[labels != VOID]
    iou, accuracy, share = [], [], []
    for c in range(CLASSES):
        labelled, predicted = labels == c, predictions == c
        union = (labelled | predicted).sum()
        iou.append((labelled & predicted).sum() / union if union else np.nan)
        accuracy.append(predicted[labelled].mean() if labelled.any() else np.nan)
        share.append(labelled.mean() if len(labels) else np.nan)
    iou, share = np.array(iou), np.array(share)
    present = share > 0
    nothing = not len(labels)
    return {
        "pixel_accuracy": np.nan if nothing else (labels == predictions).mean(),
        "mean_class_accuracy": np.nan if nothing else np.nanmean(accuracy),
        "miou": np.nan if nothing else np.nanmean(iou),
        "miou_present": iou[present].mean() if present.any() else np.nan,
        "frequency_weighted_iou": (share * iou)[present].sum() if present.any() else np.nan,
        "class_iou": iou.tolist(),
    }


def main():
    labels, predictions = pixels()
    for name, value in scores(labels, predictions).items():
        print(name, value)
    single = [scores(*image) for image in zip(labels, predictions)]
    for name in ("pixel_accuracy", "miou_present"):
        print("image", name, np.nanmean([one[name] for one in single]))


main()
