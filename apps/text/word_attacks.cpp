#include "apps/text/word_attacks.h"

#include "apps/attacking/attack_register.h"
#include "apps/common/parse.h"
#include "attacks/text/greedy.h"
#include "attacks/text/iga.h"
#include "attacks/text/pso.h"
#include "attacks/text/pwws.h"
#include "attacks/text/textfooler.h"

namespace saddle {
namespace {

using Row = RegisterRow<WordAttack>;
using Candidates = CandidatesInText (WordResources::*)();

const AttackKey kSeed = {"seed", "--seed", "of its random draws"};
const AttackKey kIdleSeed = {"seed", "--seed", "accepted, but nothing is random"};

int count_of(const SpecValues& values, const char* key, int fallback) {
  return static_cast<int>(values.integer(key, 1, fallback));
}

double share_of(const SpecValues& values, const char* key, double fallback) {
  const double share = values.number(key, fallback);
  require(share >= 0 && share <= 1, key, " ", share, " is outside 0 to 1");
  return share;
}

Row pso_row(const char* name, const char* source, WordPart part, Candidates candidates,
            const Quirks& quirks) {
  return {name,
          source,
          {{"population", "60", "particles"}, {"iterations", "20", "of the swarm"}, kSeed},
          [=](const SpecValues& values) {
            PsoOptions options;
            options.quirks = quirks;
            options.population = count_of(values, "population", options.population);
            options.iterations = count_of(values, "iterations", options.iterations);
            WordAttack attack;
            attack.parts = {part, WordPart::tags, WordPart::stop_words};
            attack.search = [=](WordResources& r) {
              return pso(options, (r.*candidates)(), r.is_stop_word());
            };
            return attack;
          }};
}

Row iga_row(const Quirks& quirks) {
  return {"iga",
          "Wang et al. 2019, genetic search among the nearest words of an embedding",
          {{"population", "60", "texts at most"},
           {"iterations", "20", "generations"},
           {"temperature", "0.3", "of the choice of parents"},
           {"replacements", "5", "of one word at most"},
           {"changed", "0.2", "share of the words that may differ"},
           {"distance", "0.5", "squared distance of two words at most"},
           kSeed},
          [=](const SpecValues& values) {
            IgaOptions options;
            options.quirks = quirks;
            options.population = count_of(values, "population", options.population);
            options.iterations = count_of(values, "iterations", options.iterations);
            options.replacements = count_of(values, "replacements", options.replacements);
            options.temperature = values.number("temperature", options.temperature);
            require(options.temperature > 0, "temperature ", options.temperature,
                    " is not above 0");
            options.most_changed = share_of(values, "changed", options.most_changed);
            options.most_squared_distance =
                static_cast<float>(values.number("distance", options.most_squared_distance));
            require(options.most_squared_distance >= 0, "distance ", options.most_squared_distance,
                    " is negative");
            WordAttack attack;
            attack.parts = {WordPart::vectors, WordPart::stop_words};
            attack.most_changed = options.most_changed;
            attack.search = [=](WordResources& r) {
              return iga(options, r.neighbours(), r.squared_distance(), r.is_stop_word());
            };
            return attack;
          }};
}

Row textfooler_row() {
  return {"textfooler",
          "Jin et al. 2020, the most important words first, the nearest words of an embedding",
          {{"pos", "on", "on, off: whether a substitute must have the word's part of speech"},
           kIdleSeed},
          [](const SpecValues& values) {
            const bool tagged = values.choice("pos", {"on", "off"}) == "on";
            WordAttack attack;
            attack.parts = {WordPart::vectors, WordPart::stop_words};
            if (tagged) attack.parts.push_back(WordPart::tagger);
            attack.notes = {
                "without the sentence encoder of the recipe, so that more substitutes pass: the "
                "attack is stronger than the published one"};
            attack.search = [tagged](WordResources& r) {
              return textfooler(r.neighbours(), r.cosine(), tagged ? r.tag() : TagOf(),
                                r.is_stop_word());
            };
            return attack;
          }};
}

Row pwws_row() {
  return {"pwws",
          "Ren et al. 2019, words by saliency and gain, WordNet's synonyms",
          {kIdleSeed},
          [](const SpecValues&) {
            WordAttack attack;
            attack.parts = {WordPart::wordnet, WordPart::stop_words};
            attack.search = [](WordResources& r) {
              return pwws(r.synonyms_of_word(), r.is_stop_word());
            };
            return attack;
          }};
}

Row greedy_row() {
  return {"greedy",
          "the best swap of all, again and again: the plain baseline",
          {{"candidates", "wordnet", "wordnet, bank: where substitutes come from"}, kIdleSeed},
          [](const SpecValues& values) {
            const bool bank = values.choice("candidates", {"wordnet", "bank"}) == "bank";
            WordAttack attack;
            attack.parts = {bank ? WordPart::bank : WordPart::wordnet, WordPart::tags,
                            WordPart::stop_words};
            attack.search = [bank](WordResources& r) {
              return greedy(bank ? r.bank_in_text() : r.synonyms_in_text(), r.is_stop_word());
            };
            return attack;
          }};
}

std::vector<Row> rows_with(const Quirks& quirks) {
  return {pso_row("pso", "Zang et al. 2020, a particle swarm among the substitutes of --bank",
                  WordPart::bank, &WordResources::bank_in_text, quirks),
          pso_row("pso-wordnet", "the same among WordNet's synonyms: another attack",
                  WordPart::wordnet, &WordResources::synonyms_in_text, quirks),
          iga_row(quirks),
          textfooler_row(),
          pwws_row(),
          greedy_row()};
}

}  // namespace

WordAttack make_word_attack(const AttackSpec& spec, const Quirks& quirks, std::uint64_t seed) {
  WordAttack attack = made_of(rows_with(quirks), spec, seed);
  attack.name = spec.name;
  attack.spec = spec.text;
  attack.seed = SpecValues(spec, seed).seed();
  return attack;
}

std::string describe_word_attacks() { return described(rows_with({})); }

std::vector<std::string> word_suite_specs(const std::string& suite, bool has_bank) {
  usage(suite == "paper", text("--suite '", suite, "' is unknown. There is paper"));
  return {has_bank ? "pso" : "pso-wordnet", "iga"};
}

}  // namespace saddle
