#include "sim/crosscheck/designs.h"

namespace fluence::crosscheck {

using traces::SiteKind;

const std::vector<KnownDesign>& known_designs() {
    static const std::vector<KnownDesign> table = {
        {"tinytpu_ws",
         "tinytpu-ws",
         false,
         false,
         {{"weight", SiteKind::pe_weight, false},
          {"act", SiteKind::pe_activation, false},
          {"psum", SiteKind::pe_psum, false},
          {"wshift", SiteKind::pe_chain, false},
          {"act_valid", SiteKind::pe_valid, false},
          {"w_valid", SiteKind::pe_weight_valid, false}}},
        {"gemmini_ws",
         "gemmini-ws",
         false,
         false,
         {{"act", SiteKind::pe_activation, false},
          {"b_in", SiteKind::pe_psum, false},
          {"out_b", SiteKind::pe_psum, true},
          {"d_in", SiteKind::pe_chain, false},
          {"out_c", SiteKind::pe_chain, true},
          {"c1", SiteKind::pe_bank_1, false},
          {"c2", SiteKind::pe_bank_2, false},
          {"valid", SiteKind::pe_valid, false},
          {"propagate", SiteKind::pe_propagate, false}}},
        {"gemmini_os",
         "gemmini-os",
         false,
         false,
         {{"act", SiteKind::pe_activation, false},
          {"b_in", SiteKind::pe_weight, false},
          {"out_b", SiteKind::pe_weight, true},
          {"d_in", SiteKind::pe_chain, false},
          {"out_c", SiteKind::pe_chain, true},
          {"c1", SiteKind::pe_bank_1, false},
          {"c2", SiteKind::pe_bank_2, false},
          {"valid", SiteKind::pe_valid, false},
          {"propagate", SiteKind::pe_propagate, false}}},
        {"axis_sa_os",
         "axis-os",
         true,
         true,
         {{"act", SiteKind::pe_activation, false},
          {"wgt", SiteKind::pe_weight, false},
          {"mul", SiteKind::pe_product, false},
          {"acc", SiteKind::pe_psum, false},
          {"out_shift", SiteKind::pe_drain, false}}},
    };
    return table;
}

}  // namespace fluence::crosscheck
