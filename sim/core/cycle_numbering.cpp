#include "sim/core/cycle_numbering.h"

namespace fluence {

std::int64_t parse_first_cycle(JsonObject& accelerator) {
    return accelerator.integer_or("first_cycle", 1, 0, 1);
}

std::int64_t read_first_cycle(const std::string& path) {
    const nlohmann::json value = read_json_file(path);
    JsonObject accelerator(value, path);
    return parse_first_cycle(accelerator);
}

}  // namespace fluence
