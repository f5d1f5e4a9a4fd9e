#include "sim/accel/format_support.h"

#include <string>

#include "sim/core/error.h"

namespace fluence::accel {

void check_format(const AcceleratorConfig& config, const protect::Policy& policy) {
    if (config.array.format == OperandFormat::int8) {
        return;
    }
    const bool codes_alone = !policy.ppe && !policy.selective_ecc && !policy.checksum &&
                             !policy.duplication && !policy.zero && !policy.range && !policy.relu_check &&
                             !policy.gradient && !policy.median && !policy.just_say_zero &&
                             !policy.confidence_rerun && !policy.temporal_dmr && !policy.due_rerun;
    if (!codes_alone) {
        throw InputError(config.name, "format",
                         std::string("is ") + name_of(config.array.format) + ": of policy \"" + policy.name +
                             "\" the parts beside codes of memories and registers are modelled for int8",
                         "int8, or policies of such codes");
    }
}

}  // namespace fluence::accel
