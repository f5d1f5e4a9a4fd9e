// Area of protected PEs in a whole machine against that of the protected PE alone (which is held against
// synthesis in tests/cost).
#include "sim/accel/pe_protection_area.h"

#include <gtest/gtest.h>

#include "sim/accel/area.h"
#include "sim/core/config_search.h"
#include "sim/cost/units.h"

namespace fluence::accel {
namespace {

protect::Policy with_code(const std::string& code) {
    protect::Policy policy;
    policy.registers.fill({code, protect::RegisterAction::recompute});
    return policy;
}

TEST(PeProtectionArea, is_that_of_the_units) {
    ArrayConfig array;
    array.dataflow = "weight-stationary";
    array.rows = 4;
    array.cols = 3;
    array.shadow_weights = false;
    array.operand_register = OperandRegister::output;
    const double base = cost::unit_cost("prot_pe_base", 8).area.count();
    // The unit votes on what leaves the PE; the machine votes behind the weight register as well.
    const double weight_voters = cost::unit_cost("tmr_voter", 8).area.count();
    const double weight_comparators = cost::unit_cost("dmr_comparator", 8).area.count();
    struct Row {
        const char* code;
        const char* unit;
        double more;
    };
    for (const Row& row :
         {Row{"register-parity", "prot_pe_parity", 0}, Row{"register-secded", "prot_pe_secded_all", 0},
          Row{"register-tmr", "prot_pe_tmr_regs", 0}, Row{"tmr", "prot_pe_tmr", weight_voters},
          Row{"dmr", "prot_pe_dmr", weight_comparators}}) {
        const double expected = 12 * (cost::unit_cost(row.unit, 8).area.count() - base + row.more);
        const double area = pe_protection_area(array, with_code(row.code)).area.count();
        EXPECT_NEAR(area / expected, 1.0, 0.1) << row.code;
    }
}

TEST(PeProtectionArea, is_what_the_machine_grows_by) {
    for (const std::string& name : config_names("accelerators")) {
        const AcceleratorConfig config = read_accelerator(find_config("accelerators", name));
        const double plain = area_of(config, {}).area.count();
        for (const char* code : {"register-parity", "register-secded", "register-tmr", "tmr", "dmr"}) {
            const double added = pe_protection_area(config.array, with_code(code)).area.count();
            EXPECT_GT(added, 0) << name;
            EXPECT_NEAR(area_of(config, with_code(code)).area.count(), plain + added, 1e-6 * plain) << name;
        }
        EXPECT_EQ(pe_protection_area(config.array, {}).area.count(), 0) << name;
    }
}

protect::Policy protected_columns(const std::string& code, int columns) {
    protect::Policy policy;
    policy.ppe.emplace();
    policy.ppe->split.columns = columns;
    policy.ppe->registers.fill({code, protect::RegisterAction::recompute});
    return policy;
}

// P of C columns take that share of what the code takes on the whole array, but for the drain registers,
// which have it in every column; and 16 bits a column say which channel is where.
TEST(PeProtectionArea, OfProtectedColumnsIsTheirShare) {
    const double table_bit = 8.0;  // a flip-flop with load enable
    for (const std::string& name : config_names("accelerators")) {
        const ArrayConfig array = read_accelerator(find_config("accelerators", name)).array;
        const double table = 16 * table_bit * array.cols;
        for (const char* code : {"register-parity", "register-secded", "register-tmr", "tmr", "dmr"}) {
            const cost::AreaNode whole = pe_protection_area(array, with_code(code));
            double drain = 0;
            for (const cost::AreaNode& part : whole.parts) {
                drain += part.name.rfind("pe_drain", 0) == 0 ? part.area.count() : 0;
            }
            for (const int columns : {0, 1, array.cols / 2, array.cols}) {
                const double share = static_cast<double>(columns) / array.cols;
                const double expected =
                    table + share * (whole.area.count() - drain) + (columns > 0 ? drain : 0);
                const cost::AreaNode area = pe_protection_area(array, protected_columns(code, columns));
                EXPECT_NEAR(area.area.count(), expected, 1e-6 * expected) << name << " " << code;
            }
        }
    }
}

}  // namespace
}  // namespace fluence::accel
