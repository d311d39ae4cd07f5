#include "attacks/text/closed_classes.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>

namespace saddle {
namespace {

// Tags and their words, between blanks. The tag of a contraction is that of its first part.
struct TagWords {
  PartOfSpeech tag;
  const char* words;
};

constexpr TagWords kClosed[] = {
    {PartOfSpeech::pron,
     "i you he she it we they me him us them my your his her its our their mine yours hers ours "
     "theirs myself yourself himself herself itself ourselves yourselves themselves oneself who "
     "whom whose what which whoever whatever someone somebody something anyone anybody anything "
     "everyone everybody everything nobody nothing none this that these those i'm i've i'll i'd "
     "you're you've you'll you'd he's he'll he'd she's she'll she'd it's it'll it'd we're we've "
     "we'll we'd they're they've they'll they'd that's there's here's what's who's"},
    {PartOfSpeech::det, "a an the every each some any no all another either such"},
    {PartOfSpeech::adp,
     "of in on at by for with about against between into through during before after above below "
     "to from up down out off over under without within upon among amongst across behind beyond "
     "beneath beside besides despite toward towards throughout onto around along amid like unlike "
     "near past per via as than inside outside until till"},
    {PartOfSpeech::cconj, "and or but nor both neither yet"},
    {PartOfSpeech::sconj, "if because although though while whereas unless whether since"},
    {PartOfSpeech::aux,
     "am is are was were be been being has have had having do does did can could will would shall "
     "should may might must cannot isn't aren't wasn't weren't hasn't haven't hadn't don't doesn't "
     "didn't can't couldn't won't wouldn't shouldn't mustn't needn't mightn't shan't ain't"},
    {PartOfSpeech::part, "not n't"},
    {PartOfSpeech::num,
     "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
     "sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety "
     "hundred thousand million billion"},
    {PartOfSpeech::intj, "oh ah wow hey yes hello alas yeah ugh huh"},
    {PartOfSpeech::adv,
     "very too also so never ever always often just only even still almost quite rather perhaps "
     "maybe again then now here there away together instead already soon once twice how when "
     "where why somewhere anywhere nowhere everywhere however therefore thus hence indeed "
     "otherwise nevertheless nonetheless anymore enough else"},
};

struct GroupWords {
  ClosedGroup group;
  const char* words;
};

constexpr GroupWords kGroups[] = {
    {ClosedGroup::forms_of_be,
     "am is are was were be been being isn't aren't wasn't weren't ain't i'm you're he's she's "
     "it's we're they're that's there's here's what's who's"},
    {ClosedGroup::have_and_do, "have has had having do does did"},
    {ClosedGroup::modals,
     "can could will would shall should may might must cannot can't couldn't won't wouldn't "
     "shouldn't mustn't needn't mightn't shan't do does did don't doesn't didn't i'll you'll he'll "
     "she'll it'll we'll they'll i'd you'd he'd she'd it'd we'd they'd"},
    {ClosedGroup::possessives, "my your his her its our their whose"},
    {ClosedGroup::subjects,
     "i you he she it we they who that which someone somebody something anyone anybody anything "
     "everyone everybody everything nobody nothing"},
    {ClosedGroup::degrees, "very so too more most quite rather almost less least how"},
};

std::set<std::string, std::less<>> set_of(const char* words) {
  std::istringstream stream(words);
  return {std::istream_iterator<std::string>(stream), {}};
}

using TagOfWord = std::map<std::string, PartOfSpeech, std::less<>>;

TagOfWord make_table() {
  TagOfWord table;
  for (const TagWords& entry : kClosed) {
    for (const std::string& word : set_of(entry.words)) table.emplace(word, entry.tag);
  }
  return table;
}

using WordsOfGroup = std::map<ClosedGroup, std::set<std::string, std::less<>>>;

WordsOfGroup make_groups() {
  WordsOfGroup groups;
  for (const GroupWords& entry : kGroups) groups.emplace(entry.group, set_of(entry.words));
  return groups;
}

}  // namespace

std::optional<PartOfSpeech> closed_class(std::string_view word) {
  static const TagOfWord table = make_table();
  const auto found = table.find(word);
  if (found == table.end()) return std::nullopt;
  return found->second;
}

bool belongs_to(std::string_view word, ClosedGroup group) {
  static const WordsOfGroup groups = make_groups();
  return groups.at(group).contains(word);
}

}  // namespace saddle
