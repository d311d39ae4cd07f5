// A report as JSON.
#include <nlohmann/json.hpp>

#include "apps/attack/report.h"
#include "apps/attacking/report_text.h"
#include "apps/attack/attack_table.h"
#include "core/json_text.h"

namespace saddle {
namespace {

using Json = nlohmann::ordered_json;

Json members_json(const AttackResult& result) {
  Json members = Json::array();
  for (const MemberResult& member : result.members) {
    members.push_back({{"name", member.name},
                       {"robust_accuracy", member.robust_accuracy},
                       {"forward_passes", member.passes.forward},
                       {"backward_passes", member.passes.backward},
                       {"seconds", member.seconds},
                       {"repeated_in_fp32", member.repeated}});
  }
  return members;
}

Json decimals(const std::vector<float>& values) {
  Json list = Json::array();
  for (float value : values) list.push_back(decimal(value));
  return list;
}

Json worst_cases_json(const AttackReport& report) {
  Json list = Json::array();
  for (const WorstCase& worst : report.worst_cases) {
    Json specs = Json::array();
    for (std::size_t i : worst.attacks) specs.push_back(report.attacks[i].spec);
    list.push_back({{"norm", norm_name(worst.ball.norm)},
                    {"eps", decimal(static_cast<float>(worst.ball.eps))},
                    {"attacks", specs},
                    {"robust_accuracy", worst.robust_accuracy}});
  }
  return list;
}

Json transfers_json(const AttackReport& report) {
  Json list = Json::array();
  for (const TransferResult& other : report.transfers) {
    Json attacks = Json::array();
    for (std::size_t i = 0; i < other.accuracy.size(); ++i) {
      attacks.push_back({{"spec", report.attacks[i].spec}, {"accuracy", other.accuracy[i]}});
    }
    list.push_back({{"checkpoint", other.checkpoint},
                    {"model", other.model},
                    {"clean_accuracy", other.clean_accuracy},
                    {"attacks", attacks}});
  }
  return list;
}

Json attack_json(const NamedResult& attack) {
  const AttackResult& r = attack.result;
  Json json{{"name", attack.name},
            {"spec", attack.spec},
            {"robust_accuracy", r.robust_accuracy},
            {"max_linf", r.max_linf},
            {"max_l2", r.max_l2},
            {"forward_passes", r.passes.forward},
            {"backward_passes", r.passes.backward},
            {"seconds", r.seconds},
            {"images_per_second", images_per_second(r)},
            {"warnings", r.warnings},
            {"max_l1", r.max_l1},
            {"attacked", r.attacked},
            {"finished", attack.finished},
            {"members", members_json(r)}};
  if (attack.targeted) json["target_success"] = target_success(r);
  if (attack.eight_bit)
    json["eight_bit"] = {{"robust_accuracy", attack.eight_bit->robust_accuracy}};
  return json;
}

Json report_object(const AttackReport& report, const Dataset& data) {
  Json attacks = Json::array(), curves = Json::array();
  for (const NamedResult& attack : report.attacks) attacks.push_back(attack_json(attack));
  for (const RadiusCurve& curve : report.curves) {
    curves.push_back(
        {{"spec", curve.spec}, {"eps", curve.eps}, {"robust_accuracy", curve.robust_accuracy}});
  }
  Json json{{"checkpoint", report.checkpoint},
            {"model", report.model},
            {"dataset", data.name},
            {"examples", data.size()},
            {"device", report.device},
            {"precision", report.precision},
            {"clean_accuracy", report.clean.accuracy},
            {"attacks", attacks}};
  json["average_robustness"] =
      report.average_robustness ? Json(*report.average_robustness) : Json(nullptr);
  json["clean_loss"] = report.clean.loss;
  json["eps_curves"] = curves;
  json["warnings"] = report.warnings;
  json["finished"] = report.unfinished.empty();
  json["unfinished"] = report.unfinished;
  const NetworkOptions& network = report.description.network;
  json["classes"] = network.classes;
  json["input_shape"] = {network.in_channels, network.height, network.width_pixels};
  json["mean"] = decimals(report.description.mean);
  json["std"] = decimals(report.description.std);
  json["assumptions"] = report.assumptions;
  json["worst_cases"] = worst_cases_json(report);
  json["transfer"] = transfers_json(report);
  json["plan"] = report.plan;
  json["judged_in"] = kJudgedIn;
  return json;
}

}  // namespace

std::string report_json(const std::vector<AttackReport>& reports, const Dataset& data) {
  Json json;
  if (reports.size() == 1) {
    json = report_object(reports.front(), data);
  } else {
    json["reports"] = Json::array();
    for (const AttackReport& report : reports)
      json["reports"].push_back(report_object(report, data));
  }
  // A path need not be UTF-8; JSON must be.
  return json_text(json, 2) + "\n";
}

}  // namespace saddle
