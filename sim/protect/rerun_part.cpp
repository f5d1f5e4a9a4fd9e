// The parts of the inference end in policy files.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "sim/core/text.h"
#include "sim/protect/memory_code.h"
#include "sim/protect/parts.h"
#include "sim/protect/register_code.h"
#include "sim/protect/rerun.h"

namespace fluence::protect {
namespace {

constexpr int kFewestRuns = 2;

AnswerCompare parse_compare(JsonObject& object) {
    return object.choice_or("compare", "logits", {"logits", "top1"}) == "top1" ? AnswerCompare::top1
                                                                               : AnswerCompare::logits;
}

const char* text_of(AnswerCompare compare) {
    return compare == AnswerCompare::top1 ? "top1" : "logits";
}

int parse_runs(JsonObject& object) {
    return static_cast<int>(object.integer_or("runs", 3, kFewestRuns, kMostRuns));
}

// What makes due-rerun throw a run away, by the names of its list.
struct Cause {
    const char* name;
    bool DueRerunPart::*wanted;
};
constexpr std::array<Cause, 3> kCauses = {{{"abort", &DueRerunPart::aborted},
                                           {"zeroed-word", &DueRerunPart::zeroed},
                                           {"alarm", &DueRerunPart::alarm}}};

std::vector<std::string> cause_names() {
    std::vector<std::string> names;
    for (const Cause& cause : kCauses) {
        names.emplace_back(cause.name);
    }
    return names;
}

}  // namespace

bool detects(const Policy& policy) {
    const auto memory = [](const MemoryPart& part) {
        const CodeStrength strength = memory_code(part.code).strength();
        return strength.detects > strength.corrects;
    };
    const auto registers = [](const RegisterPart& part) { return register_code(part.code).detects(); };
    return policy.checksum || policy.duplication || policy.relu_check || policy.selective_ecc ||
           std::any_of(policy.memory.begin(), policy.memory.end(), memory) ||
           std::any_of(policy.registers.begin(), policy.registers.end(), registers) ||
           (policy.ppe && std::any_of(policy.ppe->registers.begin(), policy.ppe->registers.end(), registers));
}

void parse_confidence_rerun(const PartInfo&, JsonObject& object, Policy& policy) {
    if (policy.confidence_rerun) {
        object.fail("part", "is given twice");
    }
    ConfidenceRerunPart part;
    part.top1_confidence = object.number_or("top1_confidence", 0, 0, 1);
    part.top2_difference = object.number_or("top2_difference", 0, 0, 1);
    part.calibration_share = object.number_or("calibration_share", 0, 0, 1);
    part.calibration_images = parse_calibration_images(object);
    part.compare = parse_compare(object);
    part.runs = parse_runs(object);
    if (part.calibration_share > 0 && part.top2_difference > 0) {
        object.fail("calibration_share", "stands beside \"top2_difference\", which it would give",
                    "one of them");
    }
    if (part.top1_confidence == 0 && part.top2_difference == 0 && part.calibration_share == 0) {
        object.fail("top2_difference", "is 0 or missing: nothing would ever be run again",
                    "a threshold in (0, 1], \"top1_confidence\" or \"calibration_share\"");
    }
    policy.confidence_rerun = part;
}

std::vector<nlohmann::json> write_confidence_rerun(const PartInfo&, const Policy& policy) {
    if (!policy.confidence_rerun) {
        return {};
    }
    const ConfidenceRerunPart& part = *policy.confidence_rerun;
    nlohmann::json value = {
        {"top1_confidence", part.top1_confidence}, {"compare", text_of(part.compare)}, {"runs", part.runs}};
    if (part.calibration_share > 0) {
        value["calibration_share"] = part.calibration_share;
        value["calibration_images"] = part.calibration_images;
    } else {
        value["top2_difference"] = part.top2_difference;
    }
    return {value};
}

void parse_temporal_dmr(const PartInfo&, JsonObject& object, Policy& policy) {
    if (policy.temporal_dmr) {
        object.fail("part", "is given twice");
    }
    policy.temporal_dmr = {parse_compare(object), parse_runs(object)};
}

std::vector<nlohmann::json> write_temporal_dmr(const PartInfo&, const Policy& policy) {
    if (!policy.temporal_dmr) {
        return {};
    }
    return {{{"compare", text_of(policy.temporal_dmr->compare)}, {"runs", policy.temporal_dmr->runs}}};
}

void parse_due_rerun(const PartInfo&, JsonObject& object, Policy& policy) {
    if (policy.due_rerun) {
        object.fail("part", "is given twice");
    }
    DueRerunPart part;
    if (object.has("on")) {
        const std::vector<std::string> wanted = object.text_list("on");
        for (const Cause& cause : kCauses) {
            part.*cause.wanted = std::find(wanted.begin(), wanted.end(), cause.name) != wanted.end();
        }
        const std::vector<std::string> valid = cause_names();
        for (const std::string& name : wanted) {
            if (std::find(valid.begin(), valid.end(), name) == valid.end()) {
                object.fail("on", "holds \"" + name + "\"", comma_list(valid));
            }
        }
        if (wanted.empty()) {
            object.fail("on", "names nothing", comma_list(valid));
        }
    }
    part.reruns = static_cast<int>(object.integer_or("reruns", 1, 1, kMostRuns - 1));
    policy.due_rerun = part;
}

std::vector<nlohmann::json> write_due_rerun(const PartInfo&, const Policy& policy) {
    if (!policy.due_rerun) {
        return {};
    }
    nlohmann::json on = nlohmann::json::array();
    for (const Cause& cause : kCauses) {
        if (*policy.due_rerun.*cause.wanted) {
            on.push_back(cause.name);
        }
    }
    return {{{"on", on}, {"reruns", policy.due_rerun->reruns}}};
}

// What they cost is not the array's nor the vector unit's.
void time_rerun(const PartInfo&, PolicyTiming&, const Policy&) {}

void check_inference_end(const JsonObject& root, const Policy& policy) {
    const std::string point = name_of(Point::inference_end);
    if (policy.confidence_rerun && policy.temporal_dmr) {
        root.fail(point, "has confidence-rerun beside temporal-dmr, which runs every inference twice",
                  "one of them");
    }
    if (policy.due_rerun && !detects(policy)) {
        root.fail(point, "due-rerun waits for a detection, and the policy has no detector",
                  "a code that detects in memory or pe, linear-checksum, duplicate-filters, relu-check");
    }
}

}  // namespace fluence::protect
