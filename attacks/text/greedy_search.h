// Greedy search: one word after the other is replaced by its best candidate.
//
// The three published ways differ in the order of words alone. TextAttack's GreedyWordSwapWIR and
// GreedySearch, whose behaviour this is.
#pragma once

#include "attacks/text/example_search.h"
#include "attacks/text/swaps.h"

namespace saddle {

enum class WordOrder {
  // First the words without which the score is highest.
  by_deletion,
  // First those with the highest product of two numbers: softmax, over all words, of the score with
  // "[UNK]" in the word's place; and the best score that a candidate has there.
  by_weighted_saliency,
  // No order: of all swaps of all words the best, again and again, even where it is a loss.
  best_of_all
};

// The search ends with the first text that fools the victim, or when words run out. By the two
// orders a word without a candidate that raises the score stays as it is. Throws Error for
// best_of_all with rules that allow to replace a word twice, which might never end.
TextSearch greedy_search(WordOrder order, SwapRules rules);

}  // namespace saddle
