// RottenTomatoes: sentences of film reviews, each for or against the film.
//
// rotten-tomatoes is Pang and Lee's sentence polarity set (ACL 2005): what a critic wrote under a
// fresh tomato is positive, under a rotten one negative. rotten-tomatoes-rated has nearly all of
// the same sentences, rated by 15 to 29 people each for VADER (Hutto and Gilbert, ICWSM 2014); the
// sign of the mean rating is the label. A Python package carries the second, see `make text-data`.
#pragma once

#include "apps/data/text_set.h"
#include "apps/data/text_splits.h"

namespace saddle {

// rt-polarity.pos and rt-polarity.neg, 5331 lines each (or any number, for Records::any), Latin-1
// as published or UTF-8: a text a line, white space at its ends dropped. Of each file the first
// int(0.8 n + 0.5) lines are "train", those to int(0.9 n + 0.5) "validation", the rest "test", as
// the `datasets` library of Hugging Face has it; positives (class 1) first. Throws as
// load_text_set.
TextSplits load_rotten_tomatoes(const TextRequest& request);

// movieReviewSnippets_GroundTruth.txt: 10605 lines of number, mean rating (-4 to 4) and text. Those
// with a mean of 0 are left out. The file has no splits. It has the order of the set above, apart
// from its end; each line goes to the split in which rotten-tomatoes has the sentence. So whoever
// was trained on "train" of one set has seen nothing of "test" of the other. Throws as
// load_text_set.
TextSplits load_rated_rotten_tomatoes(const TextRequest& request);

}  // namespace saddle
