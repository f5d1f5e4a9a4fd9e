// Selective ECC in policies.
#include <array>

#include "sim/core/text.h"
#include "sim/protect/memory_part.h"
#include "sim/protect/parts.h"
#include "sim/protect/selective_code.h"

namespace fluence::protect {
namespace {

constexpr int kMostParameters = 16;  // of a word of 128 bits
constexpr std::array<Memory, 2> kWeightMemories = {Memory::dram, Memory::weight_buffer};

bool parse_words(JsonObject& object) {
    if (!object.has("words")) {
        return true;
    }
    bool dram = false;
    bool buffer = false;
    for (const std::string& word : object.text_list("words")) {
        if (word != "dram" && word != "weight_buffer") {
            object.fail("words", "holds \"" + word + "\", which keeps no weights", "dram, weight_buffer");
        }
        dram = dram || word == "dram";
        buffer = buffer || word == "weight_buffer";
    }
    if (!dram) {
        object.fail("words", "does not name dram, from where signatures come", "dram, weight_buffer");
    }
    return buffer;
}

}  // namespace

void parse_selective_ecc(const PartInfo&, JsonObject& object, Policy& policy) {
    if (policy.selective_ecc) {
        object.fail("part", "is given twice");
    }
    SelectiveEccPart part;
    part.plan = parse_plan_request(object, "plan", PlanKind::weights);
    part.weight_buffer = parse_words(object);
    part.check_slots =
        static_cast<int>(object.integer_or("check_slots", kDefaultCheckSlots, 1, kMostParameters));
    const bool aborts = object.choice_or("on_due", "zero", {"zero", "abort"}) == "abort";
    const Cycles scrub_period(object.integer_or("scrub_period_cycles", 0, 0, kMaxScrubPeriod));
    for (const Memory memory : kWeightMemories) {
        if (memory == Memory::weight_buffer && !part.weight_buffer) {
            continue;
        }
        claim_memory(object, policy, memory);
        policy.memory[index_of(memory)].on_due = aborts ? DueAction::abort : DueAction::zero;
        policy.memory[index_of(memory)].scrub_period = scrub_period;
    }
    policy.selective_ecc = std::move(part);
}

std::vector<nlohmann::json> write_selective_ecc(const PartInfo&, const Policy& policy) {
    if (!policy.selective_ecc) {
        return {};
    }
    const SelectiveEccPart& part = *policy.selective_ecc;
    const bool aborts = policy.memory[index_of(Memory::dram)].on_due == DueAction::abort;
    nlohmann::json words = {"dram"};
    if (part.weight_buffer) {
        words.push_back("weight_buffer");
    }
    return {{{"plan", to_json(part.plan)},
             {"words", words},
             {"check_slots", part.check_slots},
             {"scrub_period_cycles", policy.memory[index_of(Memory::dram)].scrub_period.count()},
             {"on_due", aborts ? "abort" : "zero"}}};
}

void time_selective_ecc(const PartInfo&, PolicyTiming& timing, const Policy& policy) {
    for (const Memory memory : kWeightMemories) {
        if (is_selective(policy, memory)) {
            timing.decode_cycles[index_of(memory)] = kSelectiveDecodeCycles;
        }
    }
}

}  // namespace fluence::protect
