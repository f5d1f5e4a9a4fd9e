#include "sim/fault/upset.h"

#include <stdexcept>

namespace fluence::fault {

const char* name_of(SiteKind kind) {
    switch (kind) {
        case SiteKind::pe_weight:
            return "pe_weight";
        case SiteKind::pe_weight_shadow:
            return "pe_weight_shadow";
        case SiteKind::pe_activation:
            return "pe_activation";
        case SiteKind::pe_psum:
            return "pe_psum";
        case SiteKind::weight_buffer:
            return "weight_buffer";
        case SiteKind::activation_buffer:
            return "activation_buffer";
        case SiteKind::output_buffer:
            return "output_buffer";
        case SiteKind::dram:
            return "dram";
        case SiteKind::neuron:
            return "neuron";
    }
    return "";
}

SiteKind site_kind_named(const std::string& name) {
    for (int i = 0; i < kSiteKindCount; ++i) {
        if (name == name_of(static_cast<SiteKind>(i))) {
            return static_cast<SiteKind>(i);
        }
    }
    throw std::out_of_range(name);
}

const char* name_of(DeadReason reason) {
    switch (reason) {
        case DeadReason::none:
            return "none";
        case DeadReason::absent:
            return "absent";
        case DeadReason::idle:
            return "idle";
        case DeadReason::overwritten:
            return "overwritten";
        case DeadReason::never_read:
            return "never_read";
        case DeadReason::padding:
            return "padding";
        case DeadReason::corrected:
            return "corrected";
        case DeadReason::no_effect:
            return "no_effect";
    }
    return "";
}

}  // namespace fluence::fault
