#include "sim/protect/memory_part.h"

#include <algorithm>
#include <iterator>

#include "sim/core/text.h"
#include "sim/protect/memory_code.h"
#include "sim/protect/parts.h"

namespace fluence::protect {
namespace {

std::vector<std::string> memory_names() {
    std::vector<std::string> names;
    names.reserve(kMemories.size());
    for (const Memory memory : kMemories) {
        names.emplace_back(name_of(memory));
    }
    return names;
}

struct Spelling {
    DueAction action;
    const char* text;
};
constexpr Spelling kDueActions[] = {{DueAction::zero, "zero"},
                                    {DueAction::refetch, "refetch"},
                                    {DueAction::recompute, "recompute"},
                                    {DueAction::abort, "abort"}};

// A buffer whose words DRAM holds can fetch them again; sums can be computed again from what DRAM holds.
bool can(Memory memory, DueAction action) {
    switch (action) {
        case DueAction::refetch:
            return memory == Memory::weight_buffer || memory == Memory::activation_buffer;
        case DueAction::recompute:
            return memory == Memory::output_buffer;
        case DueAction::zero:
        case DueAction::abort:
            return true;
    }
    return false;
}

std::vector<std::string> due_actions_of(Memory memory) {
    std::vector<std::string> names;
    for (const Spelling& spelling : kDueActions) {
        if (can(memory, spelling.action)) {
            names.emplace_back(spelling.text);
        }
    }
    return names;
}

DueAction parse_due_action(JsonObject& object) {
    std::vector<std::string> names;
    for (const Spelling& spelling : kDueActions) {
        names.emplace_back(spelling.text);
    }
    const std::string text = object.choice_or("on_due", kDueActions[0].text, names);
    return std::find_if(std::begin(kDueActions), std::end(kDueActions),
                        [&](const Spelling& spelling) { return text == spelling.text; })
        ->action;
}

const char* text_of(DueAction action) {
    return std::find_if(std::begin(kDueActions), std::end(kDueActions),
                        [&](const Spelling& spelling) { return action == spelling.action; })
        ->text;
}

bool same_options(const MemoryPart& a, const MemoryPart& b) {
    return a.code == b.code && a.on_due == b.on_due && a.scrub_period == b.scrub_period &&
           a.interleave == b.interleave;
}

}  // namespace

void claim_memory(const JsonObject& object, const Policy& policy, Memory memory) {
    const std::string code =
        is_selective(policy, memory) ? "selective-ecc" : policy.memory[index_of(memory)].code;
    if (code != "none") {
        object.fail("words",
                    std::string("gives ") + name_of(memory) + " a second code: it has " + code + " already");
    }
}

void parse_memory_code(const PartInfo& info, JsonObject& object, Policy& policy) {
    const std::vector<std::string> valid = memory_names();
    const std::vector<std::string> words = object.has("words") ? object.text_list("words") : valid;
    if (words.empty()) {
        object.fail("words", "names no memory", comma_list(valid));
    }
    MemoryPart wanted;
    wanted.code = info.name;
    wanted.on_due = parse_due_action(object);
    wanted.scrub_period = Cycles(object.integer_or("scrub_period_cycles", 0, 0, kMaxScrubPeriod));
    wanted.interleave = static_cast<std::int32_t>(object.integer_or("interleave", 1, 1, kMostInterleaved));
    if (wanted.scrub_period.count() > 0 && memory_code(info.name).strength().corrects == 0) {
        object.fail("scrub_period_cycles",
                    "is " + std::to_string(wanted.scrub_period.count()) + ": " + info.name +
                        " corrects nothing that could be written back",
                    "0");
    }
    for (const std::string& word : words) {
        if (std::find(valid.begin(), valid.end(), word) == valid.end()) {
            object.fail("words", "holds \"" + word + "\"", comma_list(valid));
        }
        const Memory memory = memory_named(word);
        if (!can(memory, wanted.on_due)) {
            object.fail("on_due",
                        std::string("is \"") + text_of(wanted.on_due) + "\", which " + word + " cannot do",
                        comma_list(due_actions_of(memory)));
        }
        claim_memory(object, policy, memory);
        policy.memory[index_of(memory)] = wanted;
    }
}

// Memories with the same code and the same options share an entry.
std::vector<nlohmann::json> write_memory_code(const PartInfo& info, const Policy& policy) {
    std::vector<nlohmann::json> entries;
    std::vector<const MemoryPart*> written;
    for (const Memory memory : kMemories) {
        const MemoryPart& part = policy.memory[index_of(memory)];
        if (part.code != info.name) {
            continue;
        }
        std::size_t i = 0;
        while (i < written.size() && !same_options(*written[i], part)) {
            ++i;
        }
        if (i == written.size()) {
            written.push_back(&part);
            entries.push_back({{"words", nlohmann::json::array()},
                               {"on_due", text_of(part.on_due)},
                               {"scrub_period_cycles", part.scrub_period.count()},
                               {"interleave", part.interleave}});
        }
        entries[i]["words"].push_back(name_of(memory));
    }
    return entries;
}

void time_memory_code(const PartInfo& info, PolicyTiming& timing, const Policy& policy) {
    for (const Memory memory : kMemories) {
        if (policy.memory[index_of(memory)].code == info.name) {
            timing.decode_cycles[index_of(memory)] = memory_code(info.name).decode_cycles();
        }
    }
}

}  // namespace fluence::protect
