// The flags of `saddle-text attack`.
#include "apps/common/settings.h"
#include "apps/text/attack_program.h"

namespace saddle {

void add_flags(CLI::App& app, TextAttackProgramOptions& o) {
  add_text(app, "--checkpoint", o.checkpoint, "PATH",
           "The model: a safetensors file of saddle-text train, or a folder that `transformers` "
           "saved");
  add_text(app, "--vocab", o.vocabulary, "FILE", "Its pieces of words",
           "vocab.txt beside the checkpoint");
  add_texts(app, "--attack", o.attacks, "SPEC",
            "NAME[:key=value,...], e.g. iga:changed=0.1; repeatable");
  add_text(app, "--suite", o.suite, "NAME",
           "A set of attacks: paper (PSO and IGA; PSO with --bank, else pso-wordnet)");
  add_switch(app, "--list-attacks", o.list_attacks, "Print every attack with its keys, and stop");
  add_choice(app, "--compat", o.compat, {"2024", "2026"},
             "Whose words and quirks: TextAttack's until 0.3.10, which publications used, or "
             "since");
  add_switch(app, "--strict", o.strict,
             "PSO and IGA as their papers mean them, without the quirks of the published code");
  add_choice(app, "--ga-selection", o.ga_selection, {"reference", "fitness"},
             "IGA's parents: rather those of a low score, as in the published code, or of a high "
             "one");
  add_switch(app, "--ga-check-crossover", o.ga_check_crossover,
             "IGA: hold texts that are mixed of two to the rules, too");
  add_integer(app, "--query-budget", o.query_budget, 1, "Queries a text at most", "no limit");
  add_number(app, "--time-budget", o.time_budget,
             "Stop when so many seconds are over; the same command goes on", "none");
  add_integer(app, "--batch-size", o.batch_size, 1,
              "Texts the network is given at a time; no influence on results", "64, 512 on a GPU");
  add_integer(app, "--concurrent", o.concurrent, 1,
              "Texts attacked side by side; no influence on results");
  add_integer(app, "--show", o.shown, 0, "Attacked texts of each attack to print");
  add_text(app, "--json", o.json, "FILE",
           "Write the results there as JSON. An interrupted run leaves FILE.state, from which the "
           "same command goes on");
  add_switch(app, "--restart", o.restart, "Begin anew where an interrupted run left a state");
  add_text(app, "--outcomes", o.outcomes, "FILE",
           "Write what became of each text, a JSON object a line");
  add_text(app, "--html", o.html, "FILE", "Write a page that shows every attacked text's changes");
  add_settings(app, settings_of(o.resources));
  add_settings(app, settings_of(o.data, TextPart::test_only));
  add_common_options(app, o.common);
}

}  // namespace saddle
