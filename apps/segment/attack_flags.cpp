// The flags of `saddle-segment attack`.
#include "apps/common/settings.h"
#include "apps/segment/attack_program.h"

namespace saddle {

void add_flags(CLI::App& app, SegmentAttackOptions& o) {
  add_text(app, "--checkpoint", o.checkpoint, "FILE", "The model: a safetensors file");
  add_texts(app, "--attack", o.attacks, "SPEC",
            "NAME[:key=value,...], e.g. segpgd:norm=l2,eps=1,steps=100; repeatable");
  add_texts(app, "--suite", o.suites, "NAME",
            "A set of attacks: paper, paper-more, sea, sea-cheap, sea-v1; repeatable");
  add_number(app, "--eps", o.eps,
             "Radius of --suite sea, sea-cheap and sea-v1 (linf), pixel range "
             "[0, 1]",
             "4/255");
  add_text(app, "--steps-curve", o.steps_curve, "N,...",
           "Run each attack for the largest number of steps and judge it after each of these");
  add_text(app, "--eps-curve", o.eps_curve, "R,...", "Run each --attack at each of these radii");
  add_switch(app, "--list-attacks", o.list_attacks, "Print every attack with its keys, and stop");
  add_choice(app, "--balance", o.balance, {"train", "test"},
             "Whose labels weigh the classes in the loss mce-bal");
  add_choice(app, "--seg-norm", o.seg_norm, {"correct", "official"},
             "What the attacked network is fed: normalised pixels, or pixels as they are, as the "
             "paper's code does");
  add_switch(app, "--no-clean-candidate", o.no_clean_candidate,
             "The worst case is over attacks alone, without the clean image");
  add_integer(app, "--batch-size", o.batch_size, 1,
              "Images in a batch, of one size; no influence on results");
  add_text(app, "--json", o.json, "FILE",
           "Write the results there as JSON. An interrupted run leaves FILE.state, from which the "
           "same command goes on");
  add_switch(app, "--restart", o.restart, "Begin anew where an interrupted run left a state");
  add_text(app, "--counts", o.counts, "FILE",
           "Write each image's confusion counts, safetensors: all scores follow from them");
  add_texts(app, "--confusion", o.confusion, "FILE",
            "Write which class is taken for which: a table (FILE.csv) or a picture (FILE.png); "
            "repeatable");
  add_text(app, "--miou-without", o.miou_without, "N,...",
           "Report also the mIoU over all classes but these, by number: 0 is often the background");
  add_text(app, "--save-adversarial", o.adversarial, "FILE",
           "Write images, labels and adversarial images, safetensors");
  add_text(app, "--save-images", o.images, "FILE",
           "Write a picture of images, labels, predictions, perturbations, PNG");
  add_settings(app, settings_of(o.data, SegmentationPart::test));
  add_settings(app, settings_of(o.segmenter));
  add_common_options(app, o.common);
}

}  // namespace saddle
