#include <algorithm>

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

}  // namespace

void parse_memory_code(const PartInfo& info, JsonObject& object, Policy& policy) {
    const std::vector<std::string> valid = memory_names();
    const std::vector<std::string> words = object.has("words") ? object.text_list("words") : valid;
    if (words.empty()) {
        object.fail("words", "names no memory", comma_list(valid));
    }
    for (const std::string& word : words) {
        if (std::find(valid.begin(), valid.end(), word) == valid.end()) {
            object.fail("words", "holds \"" + word + "\"", comma_list(valid));
        }
        MemoryPart& part = policy.memory[index_of(memory_named(word))];
        if (part.code != "none") {
            object.fail("words", "gives " + word + " a second code: it has " + part.code + " already");
        }
        part.code = info.name;
    }
}

nlohmann::json write_memory_code(const PartInfo& info, const Policy& policy) {
    nlohmann::json words = nlohmann::json::array();
    for (const Memory memory : kMemories) {
        if (policy.memory[index_of(memory)].code == info.name) {
            words.push_back(name_of(memory));
        }
    }
    return words.empty() ? nlohmann::json() : nlohmann::json{{"words", words}};
}

void time_memory_code(const PartInfo& info, PolicyTiming& timing, const Policy& policy) {
    for (const Memory memory : kMemories) {
        if (policy.memory[index_of(memory)].code == info.name) {
            timing.decode_cycles[index_of(memory)] = memory_code(info.name).decode_cycles();
        }
    }
}

}  // namespace fluence::protect
